"""Models quantised by onnxruntime's own tool, compiled and compared with onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import write_bundle
from tvmedge.compiler.compile import compile_model
from tvmedge.model.load import load
from tvmedge.model.prepare import prepare
from tvmedge.targeting import target

Arrays = dict[str, NDArray[Any]]


class _Random(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        self._rounds = iter(range(4))

    def get_next(self) -> Arrays | None:
        seed = next(self._rounds, None)
        return None if seed is None else {"in:0": _image(seed)}


def _image(seed: int) -> NDArray[Any]:
    return np.random.default_rng(seed).uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)


def _quantised(form: str, folder: Path) -> Path:
    source, path = save(conv_net(), folder / "net.onnx"), folder / f"{form}.onnx"
    if form == "dynamic":
        quantize_dynamic(source, path, weight_type=QuantType.QUInt8)
    else:
        chosen = QuantFormat.QDQ if form == "qdq" else QuantFormat.QOperator
        quantize_static(source, path, _Random(), quant_format=chosen, per_channel=True)
    return path


def _ours(path: Path, feeds: Arrays) -> Arrays:
    bundle = path.with_suffix(".tvmedge")
    write_bundle(bundle, compile_model(load(path), target("host")))
    with open_session(parse_address("local"), bundle) as session:
        return session.run(feeds)


def _theirs(path: Path, feeds: Arrays) -> list[NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    return [np.asarray(output) for output in session.run(None, feeds)]


@pytest.mark.parametrize("form", ["qdq", "operators", "dynamic"])
def test_a_small_network(form: str, tmp_path: Path) -> None:
    path = _quantised(form, tmp_path)
    feeds = {"in:0": _image(9)}
    (want,) = _theirs(path, feeds)
    got = _ours(path, feeds)["out/0"]
    # One step of quantisation, where a value lies on the edge between two.
    assert np.abs(got - want).max() <= np.abs(want).max() / 100
    weights = [
        value.shape
        for value in ir.from_proto(_prepared(path)).graph.initializers.values()
        if value.dtype in (ir.DataType.INT8, ir.DataType.UINT8)
    ]
    assert {(16, 3, 3, 3), (16, 128)} <= {tuple(shape or ()) for shape in weights}


def _prepared(path: Path) -> onnx.ModelProto:
    prepared = prepare(load(path), {})
    return ir.serde.serialize_model(prepared.graph)


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_quantisation_rounds_ties_to_even_and_saturates(
    kind: str, scale: float, tmp_path: Path
) -> None:
    step = 1 if "8" in kind else 150
    x = (np.arange(-400, 400).reshape(2, 4, 100) / 2 * step).astype(np.float32)
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    scales = np.array([scale, 0.7, 1, 2], np.float32)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], name="q"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], name="d"),
    ]
    proto = model(
        nodes,
        [tensor("x", x.shape)],
        [tensor("q", x.shape, number), tensor("y", x.shape)],
        {"s": scales, "z": np.array([0, 1, 50, 100], kind)},
        opset=21,
    )
    path = save(proto, tmp_path / "m.onnx")
    got = _ours(path, {"x": x})
    for mine, theirs in zip(got.values(), _theirs(path, {"x": x}), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_integer_products_beyond_float32_are_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(200, 256, s).astype(np.uint8) for s in ((3, 2000), (2000, 4)))
    node = helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    inputs = [tensor("a", a.shape, TensorProto.UINT8)]
    outputs = [tensor("y", [3, 4], TensorProto.INT32)]
    path = save(model([node], inputs, outputs, {"b": b}, opset=18), tmp_path / "m.onnx")
    want = a.astype(np.int64) @ b
    np.testing.assert_array_equal(_ours(path, {"a": a})["y"], want)


def test_four_bit_weights_and_activations(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights: Arrays = {
        "w": rng.integers(-8, 8, (8, 6)).astype(ml_dtypes.int4),
        "ws": rng.uniform(0.1, 0.3, (2, 6)).astype(np.float32),
        "s": np.asarray(0.25, np.float32),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "ws"], ["d"], axis=0, block_size=4),
        helper.make_node("MatMul", ["x", "d"], ["m"]),
        helper.make_node("QuantizeLinear", ["m", "s"], ["q"], output_dtype=TensorProto.INT4),
        helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    proto = model(nodes, [tensor("x", [5, 8])], [tensor("y", [5, 6])], weights, opset=21)
    proto.ir_version = 10
    path = save(proto, tmp_path / "m.onnx")
    x = rng.standard_normal((5, 8)).astype(np.float32)
    real = weights["w"].astype(np.float32) * np.repeat(weights["ws"], 4, axis=0)
    want = np.clip(np.rint(x @ real / 0.25), -8, 7) * 0.25
    np.testing.assert_array_equal(_ours(path, {"x": x})["y"], want)
