"""Resizing between pixels in numpy's integers, and models that do it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.quantised_graphs import Qdq, random_codes
from tests.quantised_reference import Array, Quantised, requantised

BITS = 11


@dataclass(frozen=True)
class Resized:
    """A model of one image [1, C, H, W] of codes, its output, and what that has to be."""

    model: Qdq
    output: str
    expected: Array


def resized(channels: int, size: tuple[int, int], to: tuple[int, int], how: str) -> Resized:
    """Linear, by the coordinates ``how``: half_pixel, align_corners or asymmetric."""
    image = Quantised(random_codes((1, channels, *size), "uint8", 3), 0.05, 117)
    made = Qdq()
    sizes = made.constant(np.array([1, channels, *to], np.int64))
    attributes = {"mode": "linear", "coordinate_transformation_mode": how}
    real = made.node("Resize", made.given(image), "", "", sizes, **attributes)
    expected = between_pixels(image, to, how, Quantised(image.codes, 0.04, 100))
    return Resized(made, made.codes(real, 0.04, 100, "uint8"), expected)


def between_pixels(image: Quantised, to: tuple[int, int], how: str, like: Quantised) -> Array:
    """The codes of ``image`` made as large as ``to``, on the grid of ``like``."""
    total = image.codes.astype(np.int64)
    for axis, after in zip((2, 3), to, strict=True):
        low, high, part = _places(image.codes.shape[axis], after, how)
        share = np.rint(part * 2.0**BITS).astype(np.int64)
        share = share.reshape(-1, *[1] * (3 - axis))
        lows, highs = np.take(total, low, axis), np.take(total, high, axis)
        total = lows * ((1 << BITS) - share) + highs * share
    scales = [np.float64(np.float32(one.scale)) for one in (image, like)]
    ratio = np.array(scales[0] / scales[1] / 4.0**BITS)
    return requantised(total - (image.zero << 2 * BITS), ratio, like.zero, "uint8")


def _places(before: int, after: int, how: str) -> tuple[Array, Array, Array]:
    at = np.arange(after, dtype=np.float64)
    if how == "half_pixel":
        at = (at + 0.5) * before / after - 0.5
    elif how == "align_corners":
        at = at * (before - 1) / (after - 1)
    else:
        at = at * before / after
    low = np.floor(at).astype(np.int64)
    part = at - low
    return np.clip(low, 0, before - 1), np.clip(low + 1, 0, before - 1), part
