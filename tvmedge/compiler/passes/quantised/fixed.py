"""Real factors as integers: products with 31 bits and a shift that rounds half up.

acc * scale is formed as  (floor(acc * m / 2^31) + 2^(t - 1)) >> t  with m = scale * 2^(31 + t),
which is (acc * m + 2^(30 + t)) >> (31 + t): floors nest. ARM's sqdmulh and HVX's vmpye with
vmpyo are the first step, and no step needs more than 32 bits but the product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tvm import relax

MOST_SHIFT = 22  # a zero point of 8 bits fits on top of it
MOST = 1 << 30  # sums up to it cannot overflow
TERM_BITS = 14  # factors of terms are of 16 bits
MOST_TERM_SHIFT = 20  # two sums below 2^29 and a zero point fit in 32 bits


@dataclass(frozen=True)
class Fixed:
    """``factors`` (int64, below 2^31) and one ``shift`` for all of them; totals are clipped to
    +-2^(30 - left) and shifted ``left`` before."""

    factors: npt.NDArray[np.int64]
    shift: int
    left: int = 0


def fixed(scales: npt.NDArray[Any]) -> Fixed | None:
    """The form of positive ``scales``; None where there is none."""
    largest = float(np.max(scales))
    if not np.all(np.isfinite(scales)) or np.min(scales) < 0 or largest == 0:
        return None
    left = max(0, math.frexp(largest)[1] + 1)
    if left > 24:
        return None
    wanted = scales.astype(np.float64) / 2.0**left
    shift = min(MOST_SHIFT, -math.frexp(float(np.max(wanted)))[1])
    factors = np.rint(wanted * 2.0 ** (31 + shift)).astype(np.int64)
    if int(np.max(factors)) >= 1 << 31:
        shift -= 1
        factors = np.rint(wanted * 2.0 ** (31 + shift)).astype(np.int64)
    return Fixed(factors, shift, left) if shift >= 1 else None


@dataclass(frozen=True)
class Result:
    """Codes of ``dtype`` around ``zero``, from ``low`` to ``high``."""

    zero: int
    low: int
    high: int
    dtype: str


def requantised(total: relax.Expr, form: Fixed, shape: tuple[int, ...], result: Result) -> Any:
    """``total`` (int32) times the factors of ``form`` (reshaped to ``shape``), as codes."""
    return rounded(_high(total, form, shape), form.shift, result)


def scaled(total: relax.Expr, form: Fixed, shape: tuple[int, ...]) -> Any:
    """The same as int32, rounded half up."""
    half = relax.op.add(_high(total, form, shape), _int32(1 << form.shift >> 1))
    return relax.op.right_shift(half, _int32(form.shift))


def _high(total: relax.Expr, form: Fixed, shape: tuple[int, ...]) -> Any:
    """floor(total * m / 2^31)"""
    op = relax.op
    if form.left:
        limit = 1 << (30 - form.left)
        total = op.maximum(op.minimum(total, _int32(limit)), _int32(-limit))
        total = op.left_shift(total, _int32(form.left))
    factors = relax.const(form.factors.reshape(shape), "int64")
    wide = op.multiply(op.astype(total, "int64"), factors)
    return op.astype(op.right_shift(wide, relax.const(31, "int64")), "int32")


def rounded(total: relax.Expr, shift: int, result: Result, offset: int = 0) -> Any:
    """(``total`` + ``offset``) / 2^``shift`` rounded half up, as codes."""
    op = relax.op
    offset += (1 << shift >> 1) + (result.zero << shift)
    value = op.right_shift(op.add(total, _int32(offset)), _int32(shift))
    value = op.minimum(op.maximum(value, _int32(result.low)), _int32(result.high))
    return op.astype(value, result.dtype)


def terms(scales: tuple[float, ...]) -> tuple[tuple[int, ...], int] | None:
    """Factors of 16 bits of terms that are added up, and their common shift."""
    exponent = math.frexp(max(scales, default=1.0))[1]
    shift = min(TERM_BITS - exponent, MOST_TERM_SHIFT)
    if shift < 1:
        return None
    return tuple(round(scale * 2.0**shift) for scale in scales), shift


def _int32(value: int) -> relax.Expr:
    return relax.const(value, "int32")
