"""The activation functions of ONNX's recurrent operators as TIR expressions.

In float32 the exponential is straight-line arithmetic, which LLVM vectorises,
where a call of the C library's would stay scalar:

    e^y - 1 = 2^n (e^r - 1) + (2^n - 1),  n = round(y / ln 2),  r = y - n ln 2

which keeps its relative precision near 0, and so do tanh and the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tvm import tirx

from tvmedge.model.converters.rnn.attributes import Activation
from tvmedge.model.converters.rnn.hold import hold

LN2_HIGH = 355 / 512  # exact in 9 bits, so that n * LN2_HIGH is exact
LN2_LOW = math.log(2) - LN2_HIGH
LARGEST, SMALLEST = 88.0, -87.0
TERMS = 8  # of the series of e^r - 1 for |r| <= ln(2) / 2: an error under 1e-9


def activate(function: Activation, x: Any) -> Any:
    """``function`` of ``x``; emits bindings into the current frame."""
    x = hold(x)
    dtype = str(x.ty.dtype)
    alpha, beta = (tirx.const(value, dtype) for value in (function.alpha, function.beta))
    return hold(_FUNCTIONS[function.name](x, alpha, beta))


def _tanh(x: Any) -> Any:
    if str(x.ty.dtype) != "float32":
        return tirx.tanh(x)
    # 1 in float32 from 9.02 on.
    grown = hold(_expm1(hold(clamp(x, -10.0, 10.0) * _like(x, 2))))
    return _keep_nan(x, grown / (grown + _like(x, 2)))


def _sigmoid(x: Any) -> Any:
    one = _like(x, 1)
    if str(x.ty.dtype) != "float32":
        return one / (one + tirx.exp(-x))
    return _keep_nan(x, one / (_expm1(hold(clamp(-x, SMALLEST, LARGEST))) + _like(x, 2)))


def _elu(x: Any, alpha: Any) -> Any:
    zero = _like(x, 0)
    if str(x.ty.dtype) == "float32":
        negative = _expm1(hold(clamp(x, SMALLEST, 0.0)))
    else:
        negative = tirx.exp(x) - _like(x, 1)
    return tirx.Select(x < zero, alpha * negative, x)


def _softplus(x: Any) -> Any:
    size = hold(tirx.Select(x < _like(x, 0), -x, x))
    return _relu(x) + tirx.log1p(tirx.exp(-size))


def _relu(x: Any) -> Any:
    return tirx.Select(x < _like(x, 0), _like(x, 0), x)


def _hard_sigmoid(x: Any, alpha: Any, beta: Any) -> Any:
    return clamp(hold(alpha * x + beta), 0.0, 1.0)


def clamp(x: Any, low: float, high: float) -> Any:
    """``x`` within bounds. NaN stays NaN, which min and max do not promise."""
    low, high = _like(x, low), _like(x, high)
    return tirx.Select(x < low, low, tirx.Select(x > high, high, x))


def _expm1(y: Any) -> Any:
    """e^y - 1 for ``y`` within SMALLEST and LARGEST, in float32."""
    # A conversion to integer truncates: 128.5 makes that rounding.
    n = hold(tirx.Cast("int32", y * _like(y, 1 / math.log(2)) + _like(y, 128.5)) - 128)
    whole = hold(tirx.Cast("float32", n))
    r = hold(y - whole * _like(y, LN2_HIGH) - whole * _like(y, LN2_LOW))
    series = _like(y, 1 / math.factorial(TERMS))
    for term in range(TERMS - 1, 0, -1):
        series = series * r + _like(y, 1 / math.factorial(term))
    power = hold(tirx.reinterpret("float32", (n + 127) << 23))
    return power * (series * r) + (power - _like(y, 1))


def _keep_nan(x: Any, value: Any) -> Any:
    return tirx.Select(tirx.isnan(x), x, value)


def _like(x: Any, value: float) -> Any:
    return tirx.const(value, str(x.ty.dtype))


_FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "relu": lambda x, alpha, beta: _relu(x),
    "tanh": lambda x, alpha, beta: _tanh(x),
    "sigmoid": lambda x, alpha, beta: _sigmoid(x),
    "softsign": lambda x, alpha, beta: x / (_like(x, 1) + tirx.Select(x < _like(x, 0), -x, x)),
    "softplus": lambda x, alpha, beta: _softplus(x),
    "leakyrelu": lambda x, alpha, beta: tirx.Select(x < _like(x, 0), alpha * x, x),
    "thresholdedrelu": lambda x, alpha, beta: tirx.Select(x < alpha, _like(x, 0), x),
    "elu": lambda x, alpha, beta: _elu(x, alpha),
    "hardsigmoid": _hard_sigmoid,
    "affine": lambda x, alpha, beta: alpha * x + beta,
    "scaledtanh": lambda x, alpha, beta: alpha * _tanh(hold(beta * x)),
}
