"""Pow between any types."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.powers import Pow


def _pow(
    base: type, exponent: type, weights: dict[str, np.ndarray] | None = None
) -> onnx.ModelProto:
    kinds = [helper.np_dtype_to_tensor_dtype(np.dtype(t)) for t in (base, exponent)]
    inputs = [tensor("x", [None], kinds[0]), tensor("n", [None], kinds[1])]
    node = helper.make_node("Pow", ["x", "n"], ["y"])
    return model(
        [node], inputs[: 1 if weights else 2], [tensor("y", [None], kinds[0])], weights, opset=18
    )


@pytest.mark.parametrize("base", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("exponent", [np.float32, np.int32, np.int64, np.uint32, np.uint8])
def test_mixed_types(base: type, exponent: type) -> None:
    x, n = np.array([1, 2, 3, 5], base), np.array([4, 5, 0, 2], exponent)
    if base == exponent == np.float32:
        return
    check_rewrite(Pow(), _pow(base, exponent), {"x": x, "n": n})


def _run(proto: onnx.ModelProto, **inputs: np.ndarray) -> np.ndarray:
    after = Pow()(ir.serde.deserialize_model(proto)).model
    (y,) = ReferenceEvaluator(ir.serde.serialize_model(after)).run(None, inputs)
    return np.asarray(y)


@settings(max_examples=60, deadline=None)
@given(st.integers(-7, 7), st.integers(0, 100))
def test_integers_are_exact_while_they_fit(base: int, exponent: int) -> None:
    if abs(base**exponent) >= 2**63:
        return
    y = _run(_pow(np.int64, np.int64), x=np.array([base]), n=np.array([exponent]))
    assert y.item() == base**exponent


def test_a_negative_exponent_gives_zero_except_for_ones() -> None:
    x = np.array([1, -1, -1, 2, -3])
    y = _run(_pow(np.int64, np.int64), x=x, n=np.array([-3, -3, -4, -1, -2]))
    np.testing.assert_array_equal(y, [1, -1, 1, 0, 0])


@pytest.mark.parametrize(("exponent", "products"), [(2.0, 1), (3.0, 2)])
def test_small_constants_multiply(exponent: float, products: int) -> None:
    proto = _pow(np.float32, np.float32, {"n": np.array(exponent, np.float32)})
    after = check_rewrite(Pow(), proto, {"x": np.array([-2, 0.5], np.float32)})
    assert after.count("Mul") == products and "Pow" not in after
