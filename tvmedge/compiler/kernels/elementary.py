"""Exponentials and their kin as polynomials, which vectorise where calls of libm do not.

Of float32. Largest errors against float64, measured by tests/passes/test_elementary.py:
exp 2 ulp, sigmoid and tanh 4 ulp, cosh 6 ulp, sinh 10 ulp, erf 4e-7 (absolute). NaN stays
NaN, infinities give the limits; results below the normal numbers may be off by their last bits.

Each is an operator of TIR until TVM lowers intrinsics: a polynomial in the kernel itself
would be copied with its argument, by inlining and by casts to bfloat16. Sources: Cephes
(expf, tanhf), and the quotient of polynomials that Eigen uses for erf.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tvm
from tvm import te, tirx
from tvm.ir.op import register_op_attr

Expr: TypeAlias = tvm.ir.Expr


def exp(x: Expr) -> Expr:
    """e^x"""
    return _call("exp", x)


def sigmoid(x: Expr) -> Expr:
    """1 / (1 + e^-x)"""
    return _call("sigmoid", x)


def tanh(x: Expr) -> Expr:
    """The hyperbolic tangent."""
    return _call("tanh", x)


def erf(x: Expr) -> Expr:
    """The error function."""
    return _call("erf", x)


def cosh(x: Expr) -> Expr:
    """The hyperbolic cosine, by the exponential of half of x: its square overflows where the
    result does."""
    zero, half = tirx.const(0.0, "float32"), tirx.const(0.5, "float32")
    root = exp(tirx.max(zero - x, x) * half)
    return half * root * root + half / (root * root)


def sinh(x: Expr) -> Expr:
    """The hyperbolic sine."""
    return tanh(x) * cosh(x)


def _call(name: str, x: Expr) -> Expr:
    if isinstance(x, te.TensorSlice):  # what indexing gives inside te.compute
        x = x.asobject()
    return tirx.call_intrin("float32", f"tvmedge.{name}", x)


def _exp(x: Expr) -> Expr:
    """2^n e^f with |f| <= ln 2 / 2; n in two halves, so that no factor overflows."""
    like = _Like(x)
    # The constant stands first: min and max return their second argument for NaN.
    return _let(tirx.max(like(-105.0), tirx.min(like(89.0), x)), lambda v: _whole(like, v))


def _whole(like: _Like, v: Expr) -> Expr:
    n = tirx.floor(v * like(1.44269504088896341) + like(0.5))
    return _let(n, lambda n: _rest(like, v, n))


def _rest(like: _Like, v: Expr, n: Expr) -> Expr:
    f = v - n * like(0.693359375) + n * like(2.12194440e-4)
    return _let(f, lambda f: _scaled(like, n, f))


def _scaled(like: _Like, n: Expr, f: Expr) -> Expr:
    power = like.polynomial(f, _EXP)
    near_one = power * f * f + f + like(1.0)
    return _let(
        tirx.Cast(like.integer, n),
        lambda p: (
            near_one * like.two_to(p >> like.whole(1)) * like.two_to(p - (p >> like.whole(1)))
        ),
    )


def _sigmoid(x: Expr) -> Expr:
    like = _Like(x)
    return like(1.0) / (like(1.0) + _exp(like(0.0) - x))


def _logistic(x: Expr) -> Expr:
    """By OpenCL's own exponential."""
    like = _Like(x)
    power = tirx.call_pure_extern(like.dtype, "exp", like(0.0) - x)
    return like(1.0) / (like(1.0) + power)


def _tanh(x: Expr) -> Expr:
    """A polynomial for |x| < 0.625, 1 - 2 / (e^2|x| + 1) with the sign of x beyond."""
    like = _Like(x)

    def parts(v: Expr) -> Expr:
        square = v * v
        small = v + v * square * like.polynomial(square, _TANH)
        size = tirx.max(like(0.0) - v, v)
        large = like(1.0) - like(2.0) / (_exp(size * like(2.0)) + like(1.0))
        sign = tirx.Select(v < like(0.0), like(-1.0), like(1.0))
        return tirx.Select(size < like(0.625), small, sign * large)

    return _let(x, parts)


def _erf(x: Expr) -> Expr:
    """x P(x^2) / Q(x^2) on [-4, 4], where the function has reached one."""
    like = _Like(x)

    def quotient(v: Expr) -> Expr:
        square = v * v
        return v * like.polynomial(square, _ERF_P) / like.polynomial(square, _ERF_Q)

    return _let(tirx.max(like(-4.0), tirx.min(like(4.0), x)), quotient)


_EXP = (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
    5.0000001201e-1,
)  # fmt: skip
_TANH = (
    -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
    -3.33332819422e-1,
)  # fmt: skip
_ERF_P = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06,
    -5.69250639462346e-05, -7.34990630326855e-04, -2.95459980854025e-03,
    -1.60960333262415e-02,
)  # fmt: skip
_ERF_Q = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03,
    -7.37332916720468e-03, -1.42647390514189e-02,
)  # fmt: skip


class _Like:
    """Constants of the width of ``x``: a float32 or a vector of them."""

    def __init__(self, x: Expr) -> None:
        self.dtype = str(x.ty.dtype)
        self.integer = self.dtype.replace("float32", "int32")

    def __call__(self, value: float) -> Expr:
        return tirx.const(value, self.dtype)

    def whole(self, value: int) -> Expr:
        return tirx.const(value, self.integer)

    def polynomial(self, x: Expr, coefficients: Sequence[float]) -> Expr:
        """By Horner's rule, highest power first."""
        result = self(coefficients[0])
        for coefficient in coefficients[1:]:
            result = result * x + self(coefficient)
        return result

    def two_to(self, power: Expr) -> Expr:
        """2^power for -126 <= power <= 127, by its exponent bits."""
        return tirx.reinterpret(self.dtype, (power + self.whole(127)) << self.whole(23))


def _let(value: Expr, body: Callable[[tirx.Var], Expr]) -> Expr:
    name = tirx.Var("v", value.ty.dtype)
    return tirx.Let(name, value, body(name))


def _builtin(name: str) -> Callable[[tvm.ir.Call], Expr]:
    """OpenCL's own function, of vectors as well: 3 ulp for exp, 5 for tanh, 16 for erf."""
    return lambda call: tirx.call_pure_extern(str(call.ty.dtype), name, call.args[0])


def _register(name: str, lowered: Callable[[Expr], Expr]) -> None:
    operator = f"tvmedge.{name}"
    register_op_attr(operator, "TCallEffectKind", tirx.CallEffectKind.Pure.value)
    register_op_attr(operator, "TVectorizable", True)
    register_op_attr(operator, "TScriptPrinterName", f"tvmedge_{name}")
    tirx.register_intrin_lowering(operator, target="default", f=lambda call: lowered(call.args[0]))


for _name, _lowered in {"exp": _exp, "sigmoid": _sigmoid, "tanh": _tanh, "erf": _erf}.items():
    _register(_name, _lowered)
tirx.register_intrin_lowering(
    "tvmedge.sigmoid", target="opencl", f=lambda call: _logistic(call.args[0])
)
for _name in ("exp", "tanh", "erf"):
    tirx.register_intrin_lowering(f"tvmedge.{_name}", target="opencl", f=_builtin(_name))
