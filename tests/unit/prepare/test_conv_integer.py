"""ConvInteger as a float32 Conv that is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.quantised.conv_integer import ConvInteger

Bytes = NDArray[np.generic]


def _check(
    x: Bytes, w: Bytes, x_zero: int, w_zero: Bytes, *, constant: bool = True, **attributes: Any
) -> list[str]:
    node = helper.make_node("ConvInteger", ["x", "w", "xz", "wz"], ["y"], **attributes)
    inputs = [tensor("x", x.shape, helper.np_dtype_to_tensor_dtype(x.dtype))]
    weights = {"xz": np.asarray(x_zero, x.dtype), "wz": w_zero}
    feeds = {"x": x}
    if constant:
        weights["w"] = w
    else:
        inputs.append(tensor("w", w.shape, helper.np_dtype_to_tensor_dtype(w.dtype)))
        feeds["w"] = w
    output = tensor("y", [None] * x.ndim, TensorProto.INT32)
    proto = model([node], inputs, [output], weights, opset=21)
    return check_rewrite(ConvInteger(), proto, feeds, rtol=0, atol=0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["uint8", "int8"]), st.booleans())
def test_it_is_exact(seed: int, kind: str, constant: bool) -> None:
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 4))
    x = rng.integers(0, 256, (1, 2 * groups, 6, 5)).astype(np.uint8)
    w = rng.integers(0, 256, (3 * groups, 2, 3, 2)).astype(np.uint8).astype(kind)
    zeros = rng.integers(0, 100, 3 * groups if seed % 2 else ()).astype(kind)
    after = _check(
        x, w, int(rng.integers(0, 256)), zeros, constant=constant, group=groups, pads=[1, 0, 1, 0]
    )
    assert after.count("Conv") == 1


@pytest.mark.parametrize("constant", [True, False])
def test_a_sum_beyond_float32_is_cut(constant: bool) -> None:
    x = np.full((1, 700, 2, 2), 255, np.uint8)
    x[0, 0] = 254
    w = np.full((2, 700, 1, 1), 255, np.uint8)
    after = _check(x, w, 0, np.uint8(0), constant=constant)
    assert after.count("Conv") == 3


def test_a_grouped_sum_beyond_float32_is_computed_in_float64() -> None:
    x = np.full((1, 4, 13, 13), 255, np.uint8)
    x[0, :, 0, 0] = 254
    w = np.full((4, 2, 13, 13), 255, np.uint8)
    after = _check(x, w, 0, np.uint8(0), group=2)
    assert after.count("Conv") == 1
    assert after.count("Cast") == 3


def test_int8_weights_stay_int8() -> None:
    x = np.ones((1, 2, 3, 3), np.uint8)
    after = _check(x, np.full((2, 2, 1, 1), -3, np.int8), 1, np.int8(0))
    assert after.count("DequantizeLinear") == 2
