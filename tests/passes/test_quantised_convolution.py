"""Integer convolutions and products: every code as numpy's integers have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.quantised_graphs import INTEGER_CORES, Qdq, random_codes
from tests.quantised_reference import Geometry, Quantised, convolved, requantised

ZERO = {"uint8": 117, "int8": -9}


@dataclass(frozen=True)
class Case:
    """Sizes of a convolution."""

    image: tuple[int, int, int, int]
    weights: tuple[int, int, int, int]
    geometry: Geometry


CASES = {
    "first layer": Case((1, 3, 9, 11), (8, 3, 3, 3), Geometry((2, 2), 1)),
    "1x1": Case((1, 40, 5, 7), (33, 40, 1, 1), Geometry()),
    "3x3": Case((1, 16, 6, 7), (24, 16, 3, 3), Geometry(pad=1)),
    "strided": Case((2, 20, 7, 7), (16, 20, 3, 3), Geometry((2, 2), 1)),
    "depthwise": Case((1, 20, 7, 9), (20, 1, 3, 3), Geometry((1, 1), 1, 20)),
    "depthwise 5x5": Case((1, 16, 8, 8), (16, 1, 5, 5), Geometry((2, 2), 2, 16)),
    "groups": Case((1, 8, 5, 5), (12, 4, 3, 3), Geometry(pad=1, groups=2)),
}


@pytest.mark.parametrize("core", INTEGER_CORES)
@pytest.mark.parametrize("name", CASES)
def test_convolution(name: str, core: str) -> None:
    case, dtype = CASES[name], "int8" if name in ("1x1", "depthwise") else "uint8"
    _convolve(case, dtype, core)


def _convolve(case: Case, dtype: str, core: str) -> None:
    random = np.random.default_rng(3)
    x = Quantised(random_codes(case.image, dtype), 0.02, ZERO[dtype])
    outs = case.weights[0]
    w = random.integers(-127, 128, case.weights).astype(np.int8)
    ws = random.uniform(0.001, 0.01, outs).astype(np.float32)
    bias = random.integers(-4000, 4000, outs).astype(np.int32)
    steps = np.float64(np.float32(x.scale)) * ws.astype(np.float64)
    made, geometry = Qdq(), case.geometry
    scales = made.constant(steps.astype(np.float32))
    real_bias = made.node(
        "DequantizeLinear", made.constant(bias), scales, made.constant(bias * 0), axis=0
    )
    sums = made.node(
        "Conv",
        made.given(x),
        made.weights(w, ws),
        real_bias,
        strides=geometry.strides,
        pads=[geometry.pad] * 4,
        group=geometry.groups,
    )
    codes = made.codes(made.node("Relu", sums), 0.13, 3, dtype)
    result, seen = made.run(codes, INTEGER_CORES[core])
    acc = convolved(x.codes.astype(np.int64) - x.zero, w, geometry) + bias[:, None, None]
    ratios = (steps / np.float64(np.float32(0.13)))[:, None, None]
    expected = np.maximum(requantised(acc, ratios, 3, dtype), 3)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.dtype(dtype) and len(np.unique(result)) > 20
    if geometry.groups == 1:
        assert "dot_conv" in {choice.rule for choice in seen.values()}


def test_a_large_bias_of_a_channel_of_tiny_weights() -> None:
    """Steps of int32 do not hold it; it is within half a code of float64 all the same."""
    x = Quantised(random_codes((1, 8, 3, 3), "uint8"), 0.02, ZERO["uint8"])
    w = np.random.default_rng(1).integers(-127, 128, (16, 8, 1, 1)).astype(np.int8)
    ws = np.geomspace(1e-9, 1e-2, 16).astype(np.float32)
    bias = np.linspace(-3, 3, 16).astype(np.float32)
    made = Qdq()
    sums = made.node("Conv", made.given(x), made.weights(w, ws), made.constant(bias))
    result, _ = made.run(made.codes(sums, 0.03, 100, "uint8"), INTEGER_CORES["avx512"])
    real = w[:, :, 0, 0] * ws[:, None].astype(np.float64)
    exact = np.einsum("oc,nchw->nohw", real, x.reals.astype(np.float64)) + bias[:, None, None]
    steps = np.clip(exact / np.float64(np.float32(0.03)) + 100, 0, 255)
    assert np.abs(result - steps).max() <= 0.502


@pytest.mark.parametrize("shape", [(3, 5, 37), (1, 64), (2, 1, 19, 12)])
@pytest.mark.parametrize("core", INTEGER_CORES)
def test_product_with_weights(core: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(4)
    x = Quantised(random_codes(shape, "uint8" if core.startswith("avx") else "int8"), 0.02, 100)
    w = random.integers(-127, 128, (shape[-1], 19)).astype(np.int8)
    ws = random.uniform(0.001, 0.01, 19).astype(np.float32)
    made = Qdq()
    product = made.node("MatMul", made.given(x), made.weights(w, ws, axis=1))
    result, seen = made.run(made.codes(product, 0.1, 128, "uint8"), INTEGER_CORES[core])
    assert "dot_product" in {choice.rule for choice in seen.values()}
    acc = (x.codes.astype(np.int64) - x.zero) @ w.astype(np.int64)
    ratios = np.float64(np.float32(x.scale)) * ws / np.float64(np.float32(0.1))
    np.testing.assert_array_equal(result, requantised(acc, ratios, 128, "uint8"))


@pytest.mark.parametrize("core", ["avx512", "neon"])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_product_of_two_computed(core: str, dtype: str) -> None:
    a = Quantised(random_codes((2, 6, 20), dtype, 1), 0.02, 11)
    b = Quantised(random_codes((2, 20, 9), dtype, 2), 0.03, -7 if dtype == "int8" else 140)
    made = Qdq()
    product = made.node("MatMul", made.given(a), made.given(b))
    result, _ = made.run(made.codes(product, 0.5, 5, dtype), INTEGER_CORES[core])
    acc = (a.codes.astype(np.int64) - a.zero) @ (b.codes.astype(np.int64) - b.zero)
    ratio = np.array(
        np.float64(np.float32(a.scale))
        * np.float64(np.float32(b.scale))
        / np.float64(np.float32(0.5))
    )
    np.testing.assert_array_equal(result, requantised(acc, ratio, 5, dtype))
