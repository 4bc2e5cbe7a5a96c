"""onnxruntime's quantised operators, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx_ir.passes import PassBase

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.quantised.microsoft_dynamic_lstm import MicrosoftDynamicLSTM
from tvmedge.model.prepare.quantised.microsoft_dynamic_matmul import MicrosoftDynamicMatMul
from tvmedge.model.prepare.quantised.microsoft_qgemm import MicrosoftQGemm
from tvmedge.model.prepare.quantised.microsoft_qlinear import MicrosoftQLinear
from tvmedge.model.prepare.quantised.microsoft_standard import MicrosoftStandard

Arrays = dict[str, NDArray[Any]]
UNARY = ["a", "as", "az", "ys", "yz"]
BINARY = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]


def _run(proto: onnx.ModelProto, feeds: Arrays) -> list[NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return [np.asarray(output) for output in session.run(None, feeds)]


def _check(
    rewrite: PassBase, node: onnx.NodeProto, feeds: Arrays, weights: Arrays, kind: int
) -> tuple[list[NDArray[Any]], list[NDArray[Any]], list[str]]:
    """Outputs before and after, and the operators after."""
    node.domain = "com.microsoft"
    number = helper.np_dtype_to_tensor_dtype
    inputs = [tensor(name, x.shape, number(x.dtype)) for name, x in feeds.items()]
    outputs = [tensor(name, ["n"], kind) for name in node.output]
    for output in outputs:
        output.type.tensor_type.ClearField("shape")
    weights = {name: array for name, array in weights.items() if name in node.input}
    domains = [("com.microsoft", 1)]
    proto = model([node], inputs, outputs, weights, opset=18, domains=domains)
    graph = ir.serde.deserialize_model(proto)
    assert rewrite(graph).modified
    after = ir.serde.serialize_model(graph)
    assert not any(n.domain for n in after.graph.node)
    return _run(proto, feeds), _run(after, feeds), [n.op_type for n in after.graph.node]


def _weights(kind: str) -> Arrays:
    zeros = {"az": 12, "bz": 3, "yz": 9}
    scales = {"as": 0.0317, "bs": 0.0513, "ys": 0.0829}
    return {n: np.asarray(v, kind) for n, v in zeros.items()} | {
        n: np.asarray(v, np.float32) for n, v in scales.items()
    }


def _bytes(kind: str, *shape: int) -> NDArray[Any]:
    return np.random.default_rng(7).integers(0, 256, shape).astype(np.uint8).astype(kind)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("QLinearAdd", BINARY, {}),
        ("QLinearMul", BINARY, {}),
        ("QLinearSigmoid", UNARY, {}),
        ("QLinearLeakyRelu", UNARY, {"alpha": 0.1}),
        ("QLinearSoftmax", UNARY, {"axis": -1, "opset": 13}),
        ("QLinearSoftmax", UNARY, {"axis": 2, "opset": 12}),
        ("QLinearGlobalAveragePool", UNARY, {}),
        ("QLinearGlobalAveragePool", UNARY, {"channels_last": 1}),
        ("QLinearAveragePool", UNARY, {"kernel_shape": [3, 2], "pads": [1, 0, 1, 0]}),
        ("QLinearConcat", ["ys", "yz", "a", "as", "az", "b", "bs", "bz"], {"axis": 1}),
    ],
)
def test_operators_on_real_numbers(
    op: str, inputs: list[str], attributes: dict[str, Any], kind: str
) -> None:
    node = helper.make_node(op, inputs, ["y"], **attributes)
    feeds: Arrays = {n: _bytes(kind, 2, 3, 4, 5) for n in ("a", "b") if n in inputs}
    weights = _weights(kind)
    if op in ("QLinearSigmoid", "QLinearSoftmax"):
        weights |= {"ys": np.float32(1 / 256), "yz": np.asarray(0, kind)}
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    want, got, _ = _check(MicrosoftQLinear(), node, feeds, weights, number)
    assert got[0].dtype == kind
    away = np.abs(got[0].astype(int) - want[0].astype(int))
    assert away.max() <= 1
    assert (away > 0).mean() < 0.02


def test_where() -> None:
    node = helper.make_node("QLinearWhere", ["c", *BINARY], ["y"])
    feeds: Arrays = {"c": _bytes("uint8", 4, 5) > 99}
    feeds |= {name: _bytes("uint8", 4, 5) + n for n, name in enumerate("ab")}
    want, got, _ = _check(MicrosoftQLinear(), node, feeds, _weights("uint8"), TensorProto.UINT8)
    np.testing.assert_array_equal(got[0], want[0])


def test_mean_which_onnxruntime_declares_but_does_not_have() -> None:
    node = helper.make_node("QLinearReduceMean", UNARY, ["y"], axes=[1], keepdims=0)
    node.domain = "com.microsoft"
    x, weights = _bytes("uint8", 4, 6), _weights("uint8")
    weights.pop("bs"), weights.pop("bz")
    number = TensorProto.UINT8
    proto = model([node], [tensor("a", x.shape, number)], [tensor("y", [4], number)], weights)
    graph = ir.serde.deserialize_model(proto)
    graph.opset_imports[""] = 18
    assert MicrosoftQLinear()(graph).modified
    want = np.rint((x.astype(float) - 12).mean(axis=1) * 0.0317 / 0.0829) + 9
    np.testing.assert_array_equal(_run(ir.serde.serialize_model(graph), {"a": x})[0], want)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("columns", [(), (6,)])
def test_gemm(turned: int, real: bool, columns: tuple[int, ...]) -> None:
    names = ["a", "as", "az", "b", "bs", "bz", "c", *([] if real else ["ys", "yz"])]
    node = helper.make_node("QGemm", names, ["y"], transB=turned, alpha=1.0)
    weights = _weights("uint8") | {
        "b": _bytes("int8", 16, 6).T if turned else _bytes("int8", 16, 6),
        "bs": np.full(columns, 0.02, np.float32),
        "bz": np.zeros(columns, np.int8),
        "c": np.arange(6, dtype=np.int32) * 100,
        "ys": np.asarray(0.5, np.float32),
    }
    kind = TensorProto.FLOAT if real else TensorProto.UINT8
    feeds = {"a": _bytes("uint8", 5, 16)}
    want, got, _ = _check(MicrosoftQGemm(), node, feeds, weights, kind)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-6)


@pytest.mark.parametrize("columns", [(), (6,)])
@pytest.mark.parametrize("op", ["MatMulIntegerToFloat", "DynamicQuantizeMatMul"])
def test_products_that_are_real(op: str, columns: tuple[int, ...]) -> None:
    dynamic = op == "DynamicQuantizeMatMul"
    names = "x b bs bz bias" if dynamic else "a b as bs az bz bias"
    node = helper.make_node(op, names.split(), ["y"])
    weights = _weights("uint8") | {
        "b": _bytes("int8", 16, 6),
        "bs": np.linspace(0.01, 0.02, 6, dtype=np.float32) if columns else np.float32(0.02),
        "bz": np.full(columns, 4, np.int8),
        "bias": np.arange(6, dtype=np.float32),
    }
    x = np.random.default_rng(1).standard_normal((2, 5, 16)).astype(np.float32)
    feeds = {"x": x} if dynamic else {"a": _bytes("uint8", 5, 16)}
    want, got, _ = _check(MicrosoftDynamicMatMul(), node, feeds, weights, TensorProto.FLOAT)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-5)


def test_its_own_quantisation_is_onnxs() -> None:
    node = helper.make_node("DequantizeLinear", ["a", "as", "az"], ["y"])
    feeds = {"a": _bytes("uint8", 3, 4)}
    want, got, _ = _check(MicrosoftStandard(), node, feeds, _weights("uint8"), TensorProto.FLOAT)
    np.testing.assert_array_equal(got[0], want[0])


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("kind", "gates"), [("int8", False), ("uint8", True)])
@pytest.mark.parametrize("steps", [5, 150])
def test_lstm(direction: str, kind: str, gates: bool, steps: int) -> None:
    rng = np.random.default_rng(3)
    count = 2 if direction == "bidirectional" else 1
    scales = (count, 64) if gates else (count,)
    names = ["x", "w", "r", "b", "", "h", "c", "", "ws", "wz", "rs", "rz"]
    node = helper.make_node(
        "DynamicQuantizeLSTM", names, ["y", "yh", "yc"], direction=direction, hidden_size=16
    )
    zero = 128 if kind == "uint8" else 0
    weights: Arrays = {
        "w": rng.integers(zero - 99, zero + 99, (count, 8, 64)).astype(kind),
        "r": rng.integers(zero - 99, zero + 99, (count, 16, 64)).astype(kind),
        "b": rng.standard_normal((count, 128)).astype(np.float32),
    }
    for name in "wr":
        weights[f"{name}s"] = rng.uniform(0.001, 0.004, scales).astype(np.float32)
        weights[f"{name}z"] = np.full(scales, zero, kind)
    feeds = {
        "x": rng.standard_normal((steps, 1, 8)).astype(np.float32),
        "h": rng.uniform(-1, 1, (count, 1, 16)).astype(np.float32),
        "c": rng.uniform(-1, 1, (count, 1, 16)).astype(np.float32),
    }
    want, got, after = _check(MicrosoftDynamicLSTM(), node, feeds, weights, TensorProto.FLOAT)
    # Beyond MAX_STEPS the hidden state is not quantised.
    assert ("LSTM" in after) == (steps == 150)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 if steps == 5 else 0.02)
