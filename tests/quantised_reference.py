"""What integer kernels compute, in numpy's integers: the form that int8 models are held to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Quantised:
    """``codes`` (uint8 or int8) that stand for (code - zero) * scale."""

    codes: Array
    scale: float
    zero: int

    @property
    def reals(self) -> Array:
        """float32, as DequantizeLinear gives it."""
        return (self.codes.astype(np.float32) - np.float32(self.zero)) * np.float32(self.scale)


def factors(scales: Array) -> tuple[Array, int]:
    """m (below 2^31) and s, the same for all, with ``scales`` = m / 2^s; scales below 0.5."""
    shift = 22
    while np.max(np.rint(scales * 2.0 ** (31 + shift))) >= 2**31:
        shift -= 1
    return np.rint(scales * 2.0 ** (31 + shift)).astype(np.int64), 31 + shift


def requantised(acc: Array, scales: Array, zero: int, dtype: str) -> Array:
    """acc * scales rounded half up, plus zero, saturated; ``scales`` broadcasts with acc."""
    m, s = factors(scales)
    rounded = (acc.astype(np.int64) * m + (1 << (s - 1))) >> s
    limits = np.iinfo(dtype)
    return np.clip(rounded + zero, limits.min, limits.max).astype(dtype)


def added(left: Quantised, right: Quantised, scale: float, zero: int, dtype: str) -> Array:
    """left + right on another grid, with factors of 16 bits."""
    ratios = [left.scale / scale, right.scale / scale]
    shift = min(14 - math.frexp(max(ratios))[1], 20)
    total = 0
    for one, ratio in zip((left, right), ratios, strict=True):
        total = total + (one.codes.astype(np.int64) - one.zero) * round(ratio * 2.0**shift)
    limits = np.iinfo(dtype)
    codes = ((total + (1 << (shift - 1))) >> shift) + zero
    return np.clip(codes, limits.min, limits.max).astype(dtype)


@dataclass(frozen=True)
class Geometry:
    """A convolution's strides, padding on every side, and groups."""

    strides: tuple[int, int] = (1, 1)
    pad: int = 0
    groups: int = 1


def convolved(x: Array, w: Array, geometry: Geometry) -> Array:
    """int64 sums of x [N, C, H, W], zeros around it, and w [O, C / groups, KH, KW]."""
    pad = geometry.pad
    image = np.pad(x.astype(np.int64), [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    (outs, ins, kh, kw), (sh, sw) = w.shape, geometry.strides
    windows = np.lib.stride_tricks.sliding_window_view(image, (kh, kw), axis=(2, 3))
    windows = windows[:, :, ::sh, ::sw]
    parts = []
    for group in range(geometry.groups):
        data = windows[:, group * ins : (group + 1) * ins]
        per_group = outs // geometry.groups
        weights = w[group * per_group : (group + 1) * per_group].astype(np.int64)
        parts.append(np.einsum("nchwij,ocij->nohw", data, weights))
    return np.concatenate(parts, axis=1)
