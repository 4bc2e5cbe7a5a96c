"""A picture of nothing in particular: where noise says little to a model, shapes may."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tvmedge.dtypes import carrier, is_float
from tvmedge.shapes import resolve
from tvmedge.tensors.generate import generator_of
from tvmedge.types import TensorSpec

_CHANNELS = (1, 3, 4)
_LEAST_SIDE = 16


def picture(shape: Sequence[int], generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """A bright disc and a dark box before a ground that shades off, one value a channel.

    ``shape`` is NHWC where the last size is at most 4, else NCHW; values are in [0, 1].
    """
    last = shape[-1] <= max(_CHANNELS)
    height, width = shape[1:3] if last else shape[-2:]
    y, x = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)
    plane = 0.25 + 0.4 * y * x
    plane[(x - 0.6) ** 2 + (y - 0.4) ** 2 < 0.05] = 0.9
    plane[(abs(x - 0.25) < 0.12) & (abs(y - 0.7) < 0.2)] = 0.1
    plane = np.clip(plane + generator.normal(0, 0.01, plane.shape), 0, 1)
    colours = np.linspace(1, 0.7, shape[-1] if last else shape[1])
    colourful = plane[..., None] * colours if last else plane * colours[:, None, None]
    return np.array(np.broadcast_to(colourful, shape), dtype=np.float64)


def picture_tensor(spec: TensorSpec, seed: int) -> np.ndarray | None:
    """``picture`` for floats of an image's shape: 1, 3 or 4 channels, sides of 16 or more."""
    shape = resolve(spec.shape, {})
    if not is_float(spec.dtype) or not _is_image(shape):
        return None
    return picture(shape, generator_of(spec, seed)).astype(carrier(spec.dtype))


def _is_image(shape: tuple[int, ...]) -> bool:
    if len(shape) != 4:
        return False
    last = shape[3] in _CHANNELS
    sides = shape[1:3] if last else shape[2:]
    return (last or shape[1] in _CHANNELS) and min(sides) >= _LEAST_SIDE
