"""Resize along one axis, by ONNX's text: which inputs make an output, and how much.

Sizes are known at compile time, so an axis is two small arrays: for every
output position the input positions it reads and their weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# Scales are float32: a coordinate this close to a tie was meant to be one.
TIE = 1e-6


@dataclass(frozen=True)
class Axis:
    """``before`` -> ``after`` elements. ``scale`` is the given one, so
    ``before * scale`` may be a fraction; ``roi`` is (start, end)."""

    before: int
    after: int
    scale: float
    roi: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Filter:
    """How coordinates are found and neighbours weighted; fields are Resize's attributes."""

    mode: str
    coordinates: str
    nearest: str
    cubic_a: float
    antialias: bool
    exclude_outside: bool


@dataclass(frozen=True)
class Taps:
    """Output ``i`` is the sum over ``k`` of ``weights[i, k] * x[indices[i, k]]``,
    or the extrapolation value where ``outside[i]``; ``x`` has ``before`` elements."""

    before: int
    indices: Indices
    weights: Floats
    outside: npt.NDArray[np.bool_]

    def is_identity(self) -> bool:
        """Whether every output is the input at its own place."""
        return bool(
            self.indices.shape == (self.before, 1)
            and (self.indices[:, 0] == np.arange(self.before)).all()
            and (self.weights == 1).all()
            and not self.outside.any()
        )

    def matrix(self) -> Floats:
        """The same as an (after, before) matrix."""
        dense = np.zeros((len(self.indices), self.before))
        rows = np.broadcast_to(np.arange(len(self.indices))[:, None], self.indices.shape)
        np.add.at(dense, (rows, self.indices), self.weights)
        return dense


def find_taps(axis: Axis, how: Filter) -> Taps:
    """The input positions and weights of every output position."""
    x = _coordinates(axis, how.coordinates)
    outside = np.zeros(axis.after, np.bool_)
    if how.coordinates == "tf_crop_and_resize":
        outside = (x < 0) | (x > axis.before - 1)
    if how.mode == "nearest":
        rounded = _nearest(x, how.nearest, axis.scale).astype(np.int64)[:, None]
        weights = np.ones(rounded.shape)
    else:
        rounded, weights = _neighbours(x, axis.scale, how)
    if how.exclude_outside and how.mode != "nearest":
        weights = np.where((rounded < 0) | (rounded >= axis.before), 0.0, weights)
        total = weights.sum(axis=1, keepdims=True)
        weights = weights / np.where(total == 0, 1.0, total)
    used = (weights != 0).any(axis=0)
    used[0] |= not used.any()
    inside = np.clip(rounded[:, used], 0, axis.before - 1)
    return Taps(axis.before, inside, weights[:, used], outside)


def _coordinates(axis: Axis, mode: str) -> Floats:
    """Where the output positions lie in the input."""
    y = np.arange(axis.after, dtype=np.float64)
    target = axis.before * axis.scale
    if mode == "align_corners":
        x = y * 0 if target == 1 else y * (axis.before - 1) / (target - 1)
    elif mode == "asymmetric":
        x = y / axis.scale
    elif mode == "tf_crop_and_resize":
        start, end = axis.roi
        last = axis.before - 1
        step = y / (axis.after - 1) if axis.after > 1 else y + 0.5
        x = start * last + step * (end - start) * last
    elif mode == "pytorch_half_pixel" and axis.after <= 1:
        x = y * 0
    elif mode in ("half_pixel", "pytorch_half_pixel"):
        x = (y + 0.5) / axis.scale - 0.5
    elif mode == "half_pixel_symmetric":
        offset = axis.before / 2 * (1 - axis.after / target)
        x = offset + (y + 0.5) / axis.scale - 0.5
    else:
        raise ValueError(f"Resize: '{mode}' is no coordinate_transformation_mode of ONNX")
    halves = np.round(2 * x) / 2
    return np.where(np.abs(x - halves) <= TIE * np.maximum(1, np.abs(x)), halves, x)


def _nearest(x: Floats, mode: str, scale: float) -> Floats:
    if mode == "simple":  # before opset 11
        mode = "ceil" if scale < 1 else "floor"
    if mode == "floor":
        return np.floor(x)
    if mode == "ceil":
        return np.ceil(x)
    if mode == "round_prefer_ceil":
        return np.floor(x + 0.5)
    if mode == "round_prefer_floor":
        return np.ceil(x - 0.5)
    raise ValueError(f"Resize: '{mode}' is no nearest_mode of ONNX")


def _neighbours(x: Floats, scale: float, how: Filter) -> tuple[Indices, Floats]:
    """Unclamped positions around ``x`` and the filter's weights, which add up to 1."""
    support = 1 if how.mode == "linear" else 2
    stretch = min(scale, 1.0) if how.antialias else 1.0
    reach = math.ceil(support / stretch)
    indices = np.floor(x).astype(np.int64)[:, None] + np.arange(1 - reach, reach + 1)
    distance = np.abs(indices - x[:, None]) * stretch
    weights = np.maximum(0, 1 - distance) if support == 1 else _cubic(distance, how.cubic_a)
    return indices, weights / weights.sum(axis=1, keepdims=True)


def _cubic(d: Floats, a: float) -> Floats:
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))
