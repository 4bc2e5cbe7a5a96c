"""Integer convolutions and products: every code as numpy's integers have it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quantised_cases import CASES, ZERO, convolution, product
from tests.quantised_graphs import INTEGER_CORES, Qdq, random_codes
from tests.quantised_reference import Quantised, requantised


@pytest.mark.parametrize("core", INTEGER_CORES)
@pytest.mark.parametrize("name", CASES)
def test_convolution(name: str, core: str) -> None:
    case = convolution(CASES[name], "int8" if name in ("1x1", "depthwise") else "uint8")
    result, seen = case.graph.run(case.output, INTEGER_CORES[core])
    np.testing.assert_array_equal(result, case.expected)
    assert result.dtype == case.expected.dtype and len(np.unique(result)) > 20
    if CASES[name].geometry.groups == 1:
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
    case = product(shape, "uint8" if core.startswith("avx") else "int8")
    result, seen = case.graph.run(case.output, INTEGER_CORES[core])
    assert "dot_product" in {choice.rule for choice in seen.values()}
    np.testing.assert_array_equal(result, case.expected)


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
