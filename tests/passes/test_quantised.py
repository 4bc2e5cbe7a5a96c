"""Integer forms of everything but sums of products, and what stays in float32."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cpu_kernels import CORES
from tests.quantised_graphs import INTEGER_CORES, Qdq, random_codes
from tests.quantised_reference import Quantised, added, requantised
from tvmedge.compiler.passes.quantised.fixed import fixed
from tvmedge.compiler.passes.quantised.lines import straight_line
from tvmedge.compiler.passes.quantised.values import Grid

CORE = INTEGER_CORES["avx512"]
SIGNED = INTEGER_CORES["neon"]
X = Quantised(random_codes((1, 20, 6, 8), "uint8", 1), 0.05, 120)
Y = Quantised(random_codes((1, 20, 6, 8), "uint8", 2), 0.02, 7)


def _steps(real: np.ndarray, scale: float, zero: int, dtype: str = "uint8") -> np.ndarray:
    return Grid(float(np.float32(scale)), zero, dtype).nearest(real)


@given(st.lists(st.floats(1e-9, 100), min_size=1, max_size=8), st.integers(-(2**20), 2**20))
@settings(deadline=None)
def test_factors_are_close(scales: list[float], total: int) -> None:
    form = fixed(np.array(scales))
    assert form is not None
    limit = 1 << (30 - form.left) if form.left else 1 << 31
    for scale, factor in zip(scales, form.factors, strict=True):
        clipped = max(-limit, min(limit, total)) << form.left
        made = ((clipped * int(factor) >> 31) + (1 << (form.shift - 1))) >> form.shift
        if abs(total * scale) < 1000:
            # half a step of rounding, and the factor's own last bit
            off = abs(clipped) / 2.0 ** (31 + form.shift) + 2.0**-9
            assert abs(made - total * scale) <= 0.5 + off


def test_requantised_is_one_rounding() -> None:
    """The two shifts of the kernel round like one."""
    random = np.random.default_rng(0)
    total = random.integers(-(2**29), 2**29, 10000)
    form = fixed(np.array([0.0123]))
    assert form is not None
    twice = ((total * form.factors[0] >> 31) + (1 << (form.shift - 1))) >> form.shift
    once = np.clip(twice, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(once, requantised(total, np.array([0.0123]), 0, "uint8"))


@pytest.mark.parametrize("core", [CORE, SIGNED], ids=["unsigned", "signed"])
def test_sum_of_two_grids(core: object) -> None:
    made = Qdq()
    total = made.node("Relu", made.node("Add", made.given(X), made.given(Y)))
    result, _ = made.run(made.codes(total, 0.04, 10, "uint8"), core)  # type: ignore[arg-type]
    grids = (Quantised(one.codes, float(np.float32(one.scale)), one.zero) for one in (X, Y))
    expected = np.maximum(added(*grids, float(np.float32(0.04)), 10, "uint8"), 10)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("core", [CORE, SIGNED], ids=["unsigned", "signed"])
def test_sum_that_nobody_quantised_in_between(core: object) -> None:
    """A convolution's sums and codes, and two convolutions, within a step of float64."""
    w = np.random.default_rng(2).integers(-127, 128, (20, 20, 1, 1)).astype(np.int8)
    scales = np.linspace(0.001, 0.004, 20).astype(np.float32)
    real = (w * scales[:, None, None, None]).astype(np.float64)[:, :, 0, 0]
    summed = np.einsum("oc,nchw->nohw", real, X.reals.astype(np.float64))
    for other, exact in ((0, Y.reals + summed), (1, summed + summed)):
        made = Qdq()
        x = made.given(X)
        sums = made.node("Conv", x, made.weights(w, scales))
        second = made.node("Conv", x, made.weights(w, scales)) if other else made.given(Y)
        codes = made.codes(made.node("Add", sums, second), 0.1, 128, "uint8")
        result, seen = made.run(codes, core)  # type: ignore[arg-type]
        wanted = np.clip(exact / np.float64(np.float32(0.1)) + 128, 0, 255)
        assert np.abs(result - wanted).max() <= 0.502
        assert not any("quantize" in kernel for kernel in seen)


@pytest.mark.parametrize("core", [CORE, SIGNED], ids=["unsigned", "signed"])
def test_product_of_two_grids(core: object) -> None:
    made = Qdq()
    product = made.node("Mul", made.given(X), made.given(Y))
    result, _ = made.run(made.codes(product, 0.2, 60, "uint8"), core)  # type: ignore[arg-type]
    acc = (X.codes.astype(np.int64) - X.zero) * (Y.codes.astype(np.int64) - Y.zero)
    ratio = np.float64(np.float32(X.scale)) * np.float64(np.float32(Y.scale))
    expected = requantised(acc, np.array(ratio / np.float64(np.float32(0.2))), 60, "uint8")
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("core", [CORE, SIGNED], ids=["unsigned", "signed"])
def test_a_chain_of_one_tensor_is_a_table(core: object) -> None:
    """x * sigmoid(x), quantised in between, is looked up at once."""
    made = Qdq()
    x = made.given(X)
    gate = made.codes(made.node("Sigmoid", x), 1 / 256, 0, "uint8")
    gated = made.node("Mul", x, made.real(gate, Quantised(np.zeros(1, np.uint8), 1 / 256, 0)))
    result, seen = made.run(made.codes(gated, 0.03, 20, "uint8"), core)  # type: ignore[arg-type]
    sigmoid = _steps(1 / (1 + np.exp(-X.reals.astype(np.float64))), 1 / 256, 0)
    expected = _steps(X.reals * (sigmoid.astype(np.float32) / np.float32(256)), 0.03, 20)
    np.testing.assert_array_equal(result, expected)
    assert len(seen) <= 3


@pytest.mark.parametrize("scale", [0.05, 0.0371, 0.213])
def test_another_grid_is_a_line(scale: float) -> None:
    """Where a line fits a table, it is the table for every code."""
    grid = Grid(0.05, 120, "uint8")
    table = Grid(scale, 31, "uint8").nearest(grid.reals)
    found = straight_line(table.astype(np.int64), 0)
    assert found is not None
    slope, offset = found
    line = np.clip((np.arange(256) * slope + offset) >> 14, table.min(), table.max())
    np.testing.assert_array_equal(line, table)


def test_no_line_through_a_curve() -> None:
    curve = Grid(1 / 256, 0, "uint8").nearest(1 / (1 + np.exp(-np.linspace(-4, 4, 256))))
    assert straight_line(curve.astype(np.int64), 0) is None


@pytest.mark.parametrize("core", [CORE, SIGNED], ids=["unsigned", "signed"])
def test_concat_of_two_grids(core: object) -> None:
    made = Qdq()
    joined = made.node("Concat", made.given(X), made.given(Y), axis=1)
    result, _ = made.run(made.codes(joined, 0.045, 99, "uint8"), core)  # type: ignore[arg-type]
    expected = _steps(np.concatenate([X.reals, Y.reals], axis=1), 0.045, 99)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("kind", ["AveragePool", "GlobalAveragePool", "MaxPool"])
@pytest.mark.parametrize("core", [CORE, SIGNED], ids=["unsigned", "signed"])
def test_pools(kind: str, core: object) -> None:
    made = Qdq()
    window = {} if kind.startswith("Global") else {"kernel_shape": [2, 2], "strides": [2, 2]}
    pooled = made.node(kind, made.given(X), **window)
    result, _ = made.run(made.codes(pooled, 0.03, 110, "uint8"), core)  # type: ignore[arg-type]
    codes = X.codes.astype(np.int64) - X.zero
    parts = codes.reshape(1, 20, 3, 2, 4, 2)
    if kind == "MaxPool":
        most = parts.max(axis=(3, 5)).astype(np.float32) * np.float32(X.scale)
        expected = _steps(most, 0.03, 110)
    else:
        whole = kind.startswith("Global")
        acc = codes.sum(axis=(2, 3), keepdims=True) if whole else parts.sum(axis=(3, 5))
        step = np.float64(np.float32(X.scale)) / (48 if whole else 4)
        ratio = np.array(step / np.float64(np.float32(0.03)))
        expected = requantised(acc, ratio, 110, "uint8")
    np.testing.assert_array_equal(result, expected)


def test_softmax_is_within_a_step() -> None:
    made = Qdq()
    rows = Quantised(random_codes((3, 17), "uint8", 5), 0.05, 128)
    result, _ = made.run(
        made.codes(made.node("Softmax", made.given(rows)), 1 / 256, 0, "uint8"), CORE
    )
    powers = np.exp(rows.reals.astype(np.float64))
    exact = powers / powers.sum(axis=-1, keepdims=True) * 256
    assert np.abs(result - np.clip(exact, 0, 255)).max() <= 0.51


def test_what_stays_in_float32_is_named(caplog: pytest.LogCaptureFixture) -> None:
    made = Qdq()
    real = made.node("Div", made.given(X), made.node("Exp", made.given(Y)))
    with caplog.at_level(logging.WARNING):
        result, _ = made.run(made.codes(real, 0.04, 10, "uint8"), CORE)
    assert "run in float32: divide (1)" in caplog.text
    off = result.astype(int) - _steps(X.reals / np.exp(Y.reals), 0.04, 10)
    assert np.abs(off).max() <= 1


def test_without_a_unit_for_integers_nothing_changes() -> None:
    made = Qdq()
    w = np.ones((4, 20, 1, 1), np.int8)
    sums = made.node("Conv", made.given(X), made.weights(w, np.full(4, 0.01)))
    _, seen = made.run(made.codes(sums, 0.1, 3, "uint8"), CORES["avx512"])
    assert {"conv"} <= {choice.rule for choice in seen.values()}
