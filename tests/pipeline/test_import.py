"""From an ONNX file to a Relax module with a static signature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.errors import InputError
from tvmedge.model.importer import ImportedModel, import_model
from tvmedge.model.load import load
from tvmedge.types import Signature, TensorSpec


def _import(
    proto: onnx.ModelProto, tmp_path: Path, shapes: dict[str, tuple[int, ...]] | None = None
) -> ImportedModel:
    return import_model(load(save(proto, tmp_path / "m.onnx")), shapes or {})


def test_the_signature_has_the_models_own_names(tmp_path: Path) -> None:
    imported = _import(conv_net(batch="N"), tmp_path, {"in:0": (2, 3, 16, 16)})
    assert imported.signature == Signature(
        inputs=(TensorSpec("in:0", (2, 3, 16, 16), "float32"),),
        outputs=(TensorSpec("out/0", (2, 128), "float32"),),
    )


def test_importing_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    loaded = load(save(conv_net(), tmp_path / "m.onnx"))
    before = loaded.proto.SerializeToString(deterministic=True)
    import_model(loaded, {})
    assert loaded.proto.SerializeToString(deterministic=True) == before


def test_a_scalar_input_is_static(tmp_path: Path) -> None:
    node = helper.make_node("Mul", ["x", "s"], ["y"])
    imported = _import(
        model([node], [tensor("x", [3]), tensor("s", [])], [tensor("y", [3])]), tmp_path
    )
    assert imported.signature.inputs[1] == TensorSpec("s", (), "float32")


def test_every_unsupported_node_is_named_in_one_sentence(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="alien", domain="com.acme"),
        helper.make_node("Det", ["m"], ["b"], name="first"),
        helper.make_node("Det", ["n"], ["c"], name="second"),
        helper.make_node("Sum", ["a", "b", "c"], ["y"], name="sum"),
    ]
    proto = model(
        nodes,
        [tensor("x", [1]), tensor("m", [6, 6]), tensor("n", [6, 6])],
        [tensor("y", [1])],
        domains=[("com.acme", 1)],
    )
    with pytest.raises(InputError) as caught:
        _import(proto, tmp_path)
    text = str(caught.value)
    assert "3 nodes" in text and "\n" not in text
    for name in ("'alien'", "'first'", "'second'", "com.acme.Relu"):
        assert name in text


def test_a_local_function_is_inlined_not_taken_for_the_standard_operator(tmp_path: Path) -> None:
    body = helper.make_function(
        "local",
        "Relu",
        ["a"],
        ["b"],
        [helper.make_node("Neg", ["a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )
    node = helper.make_node("Relu", ["x"], ["y"], name="call", domain="local")
    proto = model([node], [tensor("x", [3])], [tensor("y", [3])], domains=[("local", 1)])
    proto.functions.append(body)
    script = _import(proto, tmp_path).module.script()
    assert "R.negative" in script and "relu" not in script


def test_what_the_importer_itself_refuses_is_listed_by_node(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("OneHot", ["i", "depth", "values"], ["a"], name="hot 1"),
        helper.make_node("OneHot", ["i", "depth", "values"], ["b"], name="hot 2"),
        helper.make_node("Add", ["a", "b"], ["y"], name="sum"),
    ]
    proto = model(
        nodes,
        [tensor("i", [2], onnx.TensorProto.INT64), tensor("depth", [1], onnx.TensorProto.INT64)],
        [tensor("y", [2, 4])],
        {"values": np.array([0, 1], np.float32)},
    )
    for value in ("a", "b"):
        proto.graph.value_info.append(tensor(value, [2, 4]))
    with pytest.raises(InputError) as caught:
        _import(proto, tmp_path)
    text = str(caught.value)
    assert "'hot 1'" in text and "\n" not in text, text


def test_an_output_whose_shape_depends_on_data_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("NonZero", ["x"], ["y"], name="nz")
    proto = model([node], [tensor("x", [4])], [tensor("y", [1, None], onnx.TensorProto.INT64)])
    with pytest.raises(InputError, match="'y' depends on the data"):
        _import(proto, tmp_path)
