"""QLinearMatMul between DequantizeLinear and QuantizeLinear."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.quantised.qlinear_matmul import QLinearMatMul


@pytest.mark.parametrize("a_shape", [(), (4,)])
@pytest.mark.parametrize("b_shape", [(), (5,)])
@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_it_computes_the_same(
    a_shape: tuple[int, ...], b_shape: tuple[int, ...], kind: str
) -> None:
    rng = np.random.default_rng(0)
    names = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
    node = helper.make_node("QLinearMatMul", names, ["y"])
    weights = {
        "as": rng.uniform(0.004, 0.01, a_shape).astype(kind),
        "az": rng.integers(-9, 9, a_shape).astype(np.int8),
        "b": rng.integers(-128, 128, (6, 5)).astype(np.int8),
        "bs": rng.uniform(0.004, 0.01, b_shape).astype(kind),
        "bz": rng.integers(-9, 9, b_shape).astype(np.int8),
        "ys": np.asarray(0.0131, kind),
        "yz": np.int8(5),
    }
    a = tensor("a", [4, 6], TensorProto.INT8)
    proto = model([node], [a], [tensor("y", [4, 5], TensorProto.INT8)], weights, opset=21)
    data = rng.integers(-128, 128, (4, 6)).astype(np.int8)
    # In float16 ONNX's evaluator rounds the product of the scales first.
    quanta = 0 if kind == "float32" and not a_shape else 1
    if a_shape:  # which the evaluator multiplies as if they were columns
        weights["as"], weights["az"] = (np.full(a_shape, weights[n].flat[0]) for n in ("as", "az"))
        weights["as"], weights["az"] = weights["as"][:1], weights["az"][:1]
        proto = model([node], [a], [tensor("y", [4, 5], TensorProto.INT8)], weights, opset=21)
    after = check_rewrite(QLinearMatMul(), proto, {"a": data}, rtol=0, atol=quanta)
    assert after[-1] == "QuantizeLinear"


def test_rows_and_columns_with_scales_of_their_own() -> None:
    names = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
    node = helper.make_node("QLinearMatMul", names, ["y"])
    weights = {
        "as": np.array([[0.5], [2.0]], np.float32),
        "az": np.array([[1], [2]], np.int8),
        "b": np.array([[3, 5], [7, 1]], np.int8),
        "bs": np.array([[1.0, 0.25]], np.float32),
        "bz": np.array([[0, 1]], np.int8),
        "ys": np.float32(0.5),
        "yz": np.int8(1),
    }
    data = np.array([[2, 3], [4, 5]], np.int8)
    a = tensor("a", [2, 2], TensorProto.INT8)
    proto = model([node], [a], [tensor("y", [2, 2], TensorProto.INT8)], weights, opset=21)
    check_rewrite(QLinearMatMul(), proto, {"a": data}, rtol=0, atol=0)
