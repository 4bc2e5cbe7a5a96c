"""Loading ONNX files from outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import external_data_helper, helper

from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.errors import InputError
from tvmedge.model.load import load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(conv_net(), tmp_path / "my net.onnx")


def test_a_model_is_named_after_its_file_and_hashed(path: Path) -> None:
    loaded = load(path)
    assert loaded.name == "my-net"
    assert loaded.licence == "unknown"
    assert len(loaded.sha256) == 64
    assert next(node.op_type for node in loaded.proto.graph.node) == "Conv"


def test_the_licence_comes_from_the_models_metadata(tmp_path: Path) -> None:
    proto = conv_net()
    helper.set_model_props(proto, {"license": "MIT"})
    assert load(save(proto, tmp_path / "m.onnx")).licence == "MIT"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.onnx' does not exist"):
        load(tmp_path / "no.onnx")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_onnx(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.onnx"
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"x\.onnx'"):
            load(file)


def test_every_truncation_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for size in range(0, len(content), 97):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"my net\.onnx'"):
            load(path)


def test_an_invalid_graph_is_refused_with_the_checkers_reason(tmp_path: Path) -> None:
    proto = model(
        [helper.make_node("Relu", ["nowhere"], ["y"], name="r")],
        [tensor("x", [1])],
        [tensor("y", [1])],
    )
    with pytest.raises(InputError, match=r"not valid ONNX.*nowhere"):
        load(save(proto, tmp_path / "m.onnx"))


def _save_external(tmp_path: Path) -> Path:
    path = tmp_path / "ext.onnx"
    onnx.save_model(
        conv_net(),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    return path


def test_external_data_is_loaded_and_hashed(tmp_path: Path) -> None:
    path = _save_external(tmp_path)
    first = load(path)
    weight = next(t for t in first.proto.graph.initializer if t.name == "conv/w:0")
    assert np.any(onnx.numpy_helper.to_array(weight))
    data = tmp_path / "weights.bin"
    content = bytearray(data.read_bytes())
    content[100] ^= 1
    data.write_bytes(content)
    assert load(path).sha256 != first.sha256


def test_missing_external_data_names_file_and_tensor(tmp_path: Path) -> None:
    path = _save_external(tmp_path)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(InputError, match=r"'weights\.bin' of tensor 'conv/w:0' is missing"):
        load(path)


def test_truncated_external_data_is_refused(tmp_path: Path) -> None:
    path = _save_external(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"short")
    with pytest.raises(InputError, match="external data cannot be read"):
        load(path)


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "a/../../secret"])
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"x" * 10000)
    proto = conv_net()
    tensor_ = proto.graph.initializer[0]
    external_data_helper.set_external_data(tensor_, location)
    tensor_.ClearField("raw_data")
    with pytest.raises(InputError, match="outside the model's folder"):
        load(save(proto, folder / "m.onnx"))
