"""Where an output element of Resize lies in the input, in integers only.

A coordinate is a fraction ``num / den`` of integer expressions, so rounding is
exact whatever the sizes turn out to be:

    half_pixel, scale = 2/1:   (i + 0.5) / 2 - 0.5   =   (2i - 1) / 4
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from tvm import tirx

MAX_DENOMINATOR = 1000


@dataclass(frozen=True)
class Scale:
    """Output elements an input element, as a fraction of integers or expressions."""

    num: Any
    den: Any


def constant_scale(scale: float) -> Scale | None:
    """The simple fraction that a float32 stands for, None where there is none."""
    fraction = Fraction(float(scale)).limit_denominator(MAX_DENOMINATOR)
    if fraction <= 0 or np.float32(float(fraction)) != np.float32(scale):
        return None
    return Scale(fraction.numerator, fraction.denominator)


def coordinate(mode: str, i: Any, before: Any, after: Any, scale: Scale) -> tuple[Any, Any]:
    """Numerator and positive denominator of output element i's place.

    Raises:
        ValueError: a mode that is not computed for open sizes.
    """
    num, den = scale.num, scale.den
    if mode == "asymmetric":
        return i * den, num
    if mode == "align_corners":
        # The denominator is only zero or less where there is one element.
        steps = tirx.max(before * num - den, 1)
        only = before * num <= den
        return tirx.if_then_else(only, tirx.IntImm("int64", 0), i * (before - 1) * den), steps
    centred = (2 * i + 1) * den - num
    if mode == "half_pixel":
        return centred, 2 * num
    if mode == "pytorch_half_pixel":
        return tirx.if_then_else(after > 1, centred, tirx.IntImm("int64", 0)), 2 * num
    if mode == "half_pixel_symmetric":
        return centred + before * num - after * den, 2 * num
    raise ValueError(f"coordinate_transformation_mode {mode} needs fixed sizes")


def nearest(mode: str, num: Any, den: Any) -> Any:
    """The integer that ``num / den`` is rounded to.

    Raises:
        ValueError: a mode that is not computed for open sizes.
    """
    if mode == "floor":
        return tirx.floordiv(num, den)
    if mode == "ceil":
        return -tirx.floordiv(-num, den)
    if mode == "round_prefer_ceil":
        return tirx.floordiv(2 * num + den, 2 * den)
    if mode == "round_prefer_floor":
        return -tirx.floordiv(den - 2 * num, 2 * den)
    raise ValueError(f"nearest_mode {mode} needs fixed sizes")
