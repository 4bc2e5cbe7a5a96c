"""MatMulInteger as a float32 MatMul that is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.quantised.matmul_integer import MatMulInteger

Bytes = NDArray[np.generic]


def _check(a: Bytes, b: Bytes, a_zero: Bytes, b_zero: Bytes) -> list[str]:
    node = helper.make_node("MatMulInteger", ["a", "b", "az", "bz"], ["y"])
    shape = np.matmul(a, b).shape
    proto = model(
        [node],
        [tensor("a", a.shape, helper.np_dtype_to_tensor_dtype(a.dtype))],
        [tensor("y", shape, TensorProto.INT32)],
        {"b": b, "az": a_zero, "bz": b_zero},
        opset=21,
    )
    return check_rewrite(MatMulInteger(), proto, {"a": a}, rtol=0, atol=0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["uint8", "int8"]), st.booleans())
def test_it_is_exact(seed: int, kind: str, columns: bool) -> None:
    rng = np.random.default_rng(seed)
    batch = (2, 3)[: seed % 3]
    a = rng.integers(0, 256, (*batch, 4, 9)).astype(np.uint8)
    b = rng.integers(0, 256, (9, 5)).astype(np.uint8).astype(kind)
    zeros = rng.integers(0, 100, 5 if columns else ()).astype(kind)
    after = _check(a, b, np.uint8(rng.integers(0, 256)), zeros)
    assert after.count("MatMul") == 1


def test_zero_points_by_rows_of_a_batch() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(0, 256, s).astype(np.uint8) for s in ((2, 3, 4), (2, 4, 5)))
    a_zero, b_zero = (rng.integers(0, 256, s).astype(np.uint8) for s in ((2, 3, 1), (2, 1, 5)))
    _check(a, b, a_zero, b_zero)


@pytest.mark.parametrize("steps", [257, 259, 1000])
def test_a_sum_beyond_float32_is_cut(steps: int) -> None:
    a = np.full((2, steps), 255, np.uint8)
    a[1, 0] = 254
    after = _check(a, np.full((steps, 3), 255, np.uint8), np.uint8(0), np.uint8(0))
    assert after.count("MatMul") == -(-steps // 258)


def test_what_is_cast_to_float_is_not_made_an_integer() -> None:
    nodes = [
        helper.make_node("MatMulInteger", ["a", "b"], ["i"]),
        helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
    ]
    b = np.arange(12, dtype=np.uint8).reshape(4, 3)
    a = tensor("a", [2, 4], TensorProto.UINT8)
    proto = model(nodes, [a], [tensor("y", [2, 3])], {"b": b}, opset=21)
    after = check_rewrite(MatMulInteger(), proto, {"a": np.full((2, 4), 7, np.uint8)})
    assert after.count("Cast") == 1
