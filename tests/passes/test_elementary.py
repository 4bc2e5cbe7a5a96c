"""Polynomials against float64, and what they make of NaN and infinities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray
from tvm import te

from tvmedge.compiler.kernels import elementary

Array = NDArray[Any]


def _run(function: Callable[[tvm.ir.Expr], tvm.ir.Expr], x: Array) -> Array:
    data = te.placeholder(x.shape, name="x")
    func = te.create_prim_func([data, te.compute(x.shape, lambda i: function(data[i]), name="y")])
    built = tvm.compile(tvm.IRModule({"main": func.with_attr("global_symbol", "main")}), "llvm")
    y = tvm.runtime.tensor(np.zeros_like(x))
    built["main"](tvm.runtime.tensor(x), y)
    return np.asarray(y.numpy())


def _arguments() -> Array:
    """Every 2^11th float32 pattern, and a fine grid where the functions move."""
    patterns = np.arange(0, 2**32, 2**11, dtype=np.uint64).astype(np.uint32).view(np.float32)
    finite = patterns[np.isfinite(patterns)]
    return np.concatenate([finite, np.linspace(-110, 110, 200_001, dtype=np.float32)])


def _ulp(y: Array, exact: Array) -> Array:
    spacing = np.spacing(np.abs(exact).astype(np.float32))
    return np.asarray(np.abs(y.astype(np.float64) - exact) / spacing)


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


@pytest.mark.parametrize(
    ("name", "exact", "most"),
    [
        ("exp", np.exp, 2),
        ("sigmoid", _sigmoid, 4),
        ("tanh", np.tanh, 4),
        ("cosh", np.cosh, 6),
        ("sinh", np.sinh, 10),
    ],
)
def test_errors_in_units_of_the_last_place(
    name: str, exact: Callable[[Array], Array], most: float
) -> None:
    x = _arguments()
    with np.errstate(over="ignore", under="ignore"):
        expected = exact(x.astype(np.float64))
        largest = np.finfo(np.float32).max
        y = _run(getattr(elementary, name), x)
    fits = (np.abs(expected) <= largest) & (np.abs(expected) >= 2.0**-126)
    assert _ulp(y[fits], expected[fits]).max() <= most
    assert np.isinf(y[np.abs(expected) > float(largest) * 1.001]).all()


def test_erf_is_within_its_absolute_error() -> None:
    from math import erf

    x = np.linspace(-6, 6, 100_001, dtype=np.float32)
    expected = np.array([erf(float(v)) for v in x])
    assert np.abs(_run(elementary.erf, x) - expected).max() <= 4e-7


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("exp", 0, np.inf), ("sigmoid", 0, 1), ("tanh", -1, 1), ("erf", -1, 1)],
)
def test_nan_stays_nan_and_infinities_give_the_limits(name: str, low: float, high: float) -> None:
    x = np.array([np.nan, -np.inf, np.inf] * 8, np.float32)
    y = _run(getattr(elementary, name), x)
    assert np.isnan(y[0::3]).all()
    np.testing.assert_allclose(y[1::3], low, atol=4e-7)
    np.testing.assert_allclose(y[2::3], high, atol=4e-7)
