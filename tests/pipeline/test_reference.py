"""The reference that travels in a bundle."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper

from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.compiler.onnx_types import as_carried, as_declared
from tvmedge.compiler.reference import check_vectors
from tvmedge.compiler.widen import has_bfloat16, in_float32
from tvmedge.dtypes import carrier
from tvmedge.errors import InputError
from tvmedge.model.load import Model, load
from tvmedge.types import Signature, TensorSpec


def _signature(proto: onnx.ModelProto) -> Signature:
    def spec(value: onnx.ValueInfoProto) -> TensorSpec:
        kind = value.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type).name
        return TensorSpec(value.name, tuple(d.dim_value for d in kind.shape.dim), dtype)

    return Signature(tuple(map(spec, proto.graph.input)), tuple(map(spec, proto.graph.output)))


def _check(path: Path, inputs: dict[str, np.ndarray]) -> str:
    loaded: Model = load(path)
    return check_vectors(loaded, _signature(loaded.proto), inputs).tool


def _doubts(path: Path, inputs: dict[str, np.ndarray]) -> tuple[str, ...]:
    loaded = load(path)
    return check_vectors(loaded, _signature(loaded.proto), inputs).doubts


def test_onnxruntime_computes_it(tmp_path: Path) -> None:
    x = np.ones((1, 3, 16, 16), np.float32)
    assert _check(save(conv_net(), tmp_path / "m.onnx"), {"in:0": x}).startswith("onnxruntime ")


def test_onnxs_own_evaluator_where_onnxruntime_cannot(tmp_path: Path) -> None:
    kind = onnx.TensorProto.DOUBLE  # onnxruntime has Acosh for single precision only
    node = helper.make_node("Acosh", ["x"], ["y"])
    path = save(model([node], [tensor("x", [2], kind)], [tensor("y", [2], kind)]), tmp_path / "m")
    assert _check(path, {"x": np.ones(2)}).startswith("onnx.reference ")


def test_bfloat16_is_computed_in_float32_where_onnxruntime_lacks_it(tmp_path: Path) -> None:
    kind = onnx.TensorProto.BFLOAT16
    half = carrier("bfloat16")
    weights = {"w": np.full((300, 1), 1 / 256).astype(half)}
    branches = {
        name: helper.make_graph(
            [helper.make_node("Cast", [source], ["r"], to=kind)], name, [], [tensor("r", [1], kind)]
        )
        for name, source in (("then_branch", "m"), ("else_branch", "f"))
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Cast", ["m"], ["f"], to=onnx.TensorProto.FLOAT),
        helper.make_node("If", ["c"], ["y"], **branches),
    ]
    inputs = [tensor("x", [1, 300], kind), tensor("c", [], onnx.TensorProto.BOOL)]
    proto = model(nodes, inputs, [tensor("y", [1, 1], kind)], weights, opset=18)
    loaded = load(save(proto, tmp_path / "m.onnx"))
    x = np.ones((1, 300), half)
    vectors = check_vectors(loaded, _signature(proto), {"x": x, "c": np.array(True)})
    assert vectors.tool.endswith(" in float32")
    assert vectors.outputs["y"].dtype == half
    # Summed in bfloat16 it would stop at 1: 300 / 256 is out of reach of its steps.
    assert float(vectors.outputs["y"].item()) == 1.171875
    assert not has_bfloat16(in_float32(proto)) and has_bfloat16(proto)


def test_inputs_that_no_reference_takes_are_refused(tmp_path: Path) -> None:
    node = helper.make_node("Gather", ["table", "i"], ["y"])
    proto = model(
        [node],
        [tensor("i", [1], onnx.TensorProto.INT64)],
        [tensor("y", [1])],
        {"table": np.zeros(3, np.float32)},
    )
    path = save(proto, tmp_path / "m.onnx")
    with pytest.raises(InputError, match=r"no reference result.*--check-input"):
        _check(path, {"i": np.array([7])})


def test_an_input_on_which_onnxruntime_disagrees_with_itself_is_doubted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 3, 16, 16)).astype(np.float32)
    path = save(conv_net(), tmp_path / "m.onnx")
    assert _doubts(path, {"in:0": x}) == ()
    monkeypatch.setattr("tvmedge.compiler.reference.tolerance", lambda model: -1.0)
    (doubt,) = _doubts(path, {"in:0": x})
    assert "differ by" in doubt


def test_an_output_that_was_imported_with_another_shape_is_refused(tmp_path: Path) -> None:
    proto = conv_net()
    wrong = conv_net(channels=16)
    wrong.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 64
    loaded = load(save(proto, tmp_path / "m.onnx"))
    x = np.ones((1, 3, 16, 16), np.float32)
    with pytest.raises(InputError, match=r"'out/0' was imported as out/0:1x64 float32"):
        check_vectors(loaded, _signature(wrong), {"in:0": x})


def test_another_type_of_the_same_values_is_converted_and_no_other() -> None:
    kinds = {"half": onnx.TensorProto.BFLOAT16, "nibble": onnx.TensorProto.INT4, "text": 8}
    values = [tensor(name, [2], kind) for name, kind in kinds.items()]
    half = np.array([1.5, np.nan], np.float32)
    nibble = np.array([-8, 7], np.int64)
    text = np.array(["a", "b"], object)
    given = {"half": half, "nibble": nibble, "text": text, "unknown": half}
    declared = as_declared(values, given)
    assert declared["half"].dtype == ml_dtypes.bfloat16
    assert declared["nibble"].dtype == ml_dtypes.int4
    assert declared["text"] is text and declared["unknown"] is half
    carried = as_carried(values, given)
    assert (carried["nibble"].dtype, carried["nibble"].tolist()) == (np.int8, [-8, 7])
    for name, array in (("half", np.float32([0.1, 1])), ("nibble", np.array([8, 0]))):
        assert as_carried(values, {name: array})[name] is array


ENDLESS = """<ir_version: 8, opset_import: ["": 18]>
g ({type}[2] x) => ({type}[2] y) {{
  go = Constant <value: tensor = bool {{1}}> ()
  n = Constant <value_int: int = 9223372036854775807> ()
  y = Loop (n, go, x) <body: graph = b (int64 i, bool w, {type}[2] s) => (bool v, {type}[2] u) {{
    v = Identity (w)
    u = {operator} (s)
  }}>
}}"""


@pytest.mark.parametrize(
    ("type_", "operator", "tool"),
    [("float", "Relu", "onnxruntime"), ("double", "Acosh", "onnx.reference")],
)
def test_a_reference_that_never_ends_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_: str, operator: str, tool: str
) -> None:
    monkeypatch.setattr("tvmedge.compiler.reference.LIMIT_S", 1.0)
    proto = onnx.parser.parse_model(ENDLESS.format(type=type_, operator=operator))
    x = np.ones(2, helper.tensor_dtype_to_np_dtype(proto.graph.input[0].type.tensor_type.elem_type))
    with pytest.raises(InputError, match=rf"{tool} \S+ was given up, it had not ended after 1 s"):
        _check(save(proto, tmp_path / "m.onnx"), {"x": x})


@pytest.mark.parametrize(
    ("operator", "value", "doubt"),
    [
        ("Sigmoid", -30, "output 'y' stays below 0.001"),
        ("Log", -1, "output 'y' has no finite number"),
        ("Sigmoid", 0, ""),
        ("Log", 0.5, ""),
    ],
)
def test_a_reference_that_says_little_is_doubted(
    tmp_path: Path, operator: str, value: float, doubt: str
) -> None:
    node = helper.make_node(operator, ["x"], ["y"])
    path = save(model([node], [tensor("x", [2])], [tensor("y", [2])]), tmp_path / "m.onnx")
    doubts = _doubts(path, {"x": np.full(2, value, np.float32)})
    assert bool(doubts) == bool(doubt) and doubt in "".join(doubts)
