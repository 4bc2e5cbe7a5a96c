"""What is said of floats on a DSP whose vectors hold integers, and of too large models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from tests.onnx_models import conv_net
from tvmedge.compiler import addresses
from tvmedge.compiler.addresses import require_addressable
from tvmedge.compiler.compile import compile_model
from tvmedge.errors import InputError
from tvmedge.model.load import Model, load
from tvmedge.targeting import target


def _floats(path: Path) -> Model:
    save(conv_net(), path)
    return load(path)


def _integers(path: Path, floats: int = 0) -> Model:
    """Additions of int32, which are vectors on every core, and some of float32."""
    some = numpy_helper.from_array(np.arange(4096, dtype=np.int32), "some")
    ends = {"x": (TensorProto.INT32, 4096), "y": (TensorProto.INT32, 4096)}
    nodes = [helper.make_node("Add", ["x", "some"], ["y"])]
    if floats:
        ends |= {"a": (TensorProto.FLOAT, floats), "b": (TensorProto.FLOAT, floats)}
        nodes.append(helper.make_node("Add", ["a", "a"], ["b"]))
    tensors = {name: helper.make_tensor_value_info(name, k, [n]) for name, (k, n) in ends.items()}
    inputs, outputs = (
        [tensors[name] for name in names if name in tensors] for names in ("xa", "yb")
    )
    graph = helper.make_graph(nodes, "g", inputs, outputs, [some])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    save(made, path)
    return load(path)


def test_floats_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_model(_floats(tmp_path / "net.onnx"), target("hexagon-v67"))
    assert "About 100% of the work is in floats, which hexagon-v67 computes one at" in caplog.text
    assert "quantise the model to int8" in caplog.text
    caplog.clear()
    compile_model(_integers(tmp_path / "both.onnx", 10), target("hexagon-v67"))
    assert "work is in floats" in caplog.text and "the rest of the model is in integ" in caplog.text
    caplog.clear()
    compile_model(_integers(tmp_path / "sum.onnx"), target("hexagon-v67"))
    compile_model(_floats(tmp_path / "net.onnx"), target("cortex-m7"))
    assert "work is in floats" not in caplog.text


def test_what_32_bits_cannot_address_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hexagon-v67", "raspberry-pi-2", "cortex-m7"):
        require_addressable(target(name), 2 << 30, 1 << 30)
        with pytest.raises(InputError, match=r"weights 4096 MiB, workspace 1 MiB.*3072 MiB"):
            require_addressable(target(name), 4 << 30, 1 << 20)
    require_addressable(target("raspberry-pi-4b"), 8 << 30, 0)
    monkeypatch.setattr(addresses, "MOST", 10 << 10)
    with pytest.raises(InputError, match="too large for hexagon-v67, whose addresses have 32 bits"):
        compile_model(_floats(tmp_path / "net.onnx"), target("hexagon-v67"))
