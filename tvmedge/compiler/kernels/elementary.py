"""Exponentials and their kin as polynomials, which vectorise where calls of libm do not.

For float32. Largest errors against float64, measured over all finite arguments by
tests/passes/test_elementary.py: exp 2 ulp, sigmoid 4 ulp, tanh 4 ulp, erf 4e-7 (absolute).
NaN stays NaN, infinities give the limits, results below the normal numbers may be off
by their last bits. Sources: Cephes (expf, tanhf), Abramowitz and Stegun 7.1.26's
successors as used by Eigen (erf as a quotient of polynomials on [-4, 4]).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tvm
from tvm import te, tirx

Expr: TypeAlias = tvm.ir.Expr


def exp(x: Expr) -> Expr:
    """e^x: 2^n e^f with |f| <= ln 2 / 2; n in two halves, so that no factor overflows."""

    # The constant stands first: min and max return their second argument for NaN.
    def clamped(v: Expr) -> Expr:
        return _let(tirx.floor(v * _f(1.44269504088896341) + _f(0.5)), lambda n: whole(v, n))

    def whole(v: Expr, n: Expr) -> Expr:
        return _let(v - n * _f(0.693359375) + n * _f(2.12194440e-4), lambda f: scaled(n, f))

    def scaled(n: Expr, f: Expr) -> Expr:
        e = _polynomial(
            f,
            (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
             1.6666665459e-1, 5.0000001201e-1),
        )  # fmt: skip
        power = tirx.Cast("int32", n)
        return _let(
            power, lambda p: (e * f * f + f + _f(1.0)) * _two_to(p >> 1) * _two_to(p - (p >> 1))
        )

    return _let(tirx.max(_f(-105.0), tirx.min(_f(89.0), x)), clamped)


def sigmoid(x: Expr) -> Expr:
    """1 / (1 + e^-x)"""
    return _f(1.0) / (_f(1.0) + exp(_f(0.0) - x))


def tanh(x: Expr) -> Expr:
    """A polynomial for |x| < 0.625, 1 - 2 / (e^2|x| + 1) with the sign of x beyond."""

    def parts(v: Expr) -> Expr:
        square = v * v
        small = v + v * square * _polynomial(
            square,
            (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
             -3.33332819422e-1),
        )  # fmt: skip
        large = _f(1.0) - _f(2.0) / (exp(tirx.abs(v) * _f(2.0)) + _f(1.0))
        sign = tirx.Select(v < _f(0.0), _f(-1.0), _f(1.0))
        return tirx.Select(tirx.abs(v) < _f(0.625), small, sign * large)

    return _let(x, parts)


def erf(x: Expr) -> Expr:
    """x P(x^2) / Q(x^2) on [-4, 4], where the function has reached one."""

    def quotient(v: Expr) -> Expr:
        return _let(v * v, lambda s: v * _polynomial(s, _ERF_P) / _polynomial(s, _ERF_Q))

    return _let(tirx.max(_f(-4.0), tirx.min(_f(4.0), x)), quotient)


_ERF_P = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06,
    -5.69250639462346e-05, -7.34990630326855e-04, -2.95459980854025e-03,
    -1.60960333262415e-02,
)  # fmt: skip
_ERF_Q = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03,
    -7.37332916720468e-03, -1.42647390514189e-02,
)  # fmt: skip


def _f(value: float) -> Expr:
    return tirx.const(value, "float32")


def _let(value: Expr, body: Callable[[tirx.Var], Expr]) -> Expr:
    if isinstance(value, te.TensorSlice):  # what indexing gives inside te.compute
        value = value.asobject()
    name = tirx.Var("v", value.ty.dtype)
    return tirx.Let(name, value, body(name))


def _polynomial(x: Expr, coefficients: Sequence[float]) -> Expr:
    """By Horner's rule, highest power first."""
    result = _f(coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + _f(coefficient)
    return result


def _two_to(power: Expr) -> Expr:
    """2^power for -126 <= power <= 127, by its exponent bits."""
    bits = (power + tirx.const(127, "int32")) << tirx.const(23, "int32")
    return tirx.reinterpret("float32", bits)
