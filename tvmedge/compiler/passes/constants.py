"""Constants of a module as arrays, without copying what may be hundreds of megabytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tvm

Array = npt.NDArray[Any]
_TILE = (128, 512)  # of a matrix, in elements: what is read and written stays in L2


def array_of(constant: tvm.ir.GenericConst) -> Array:
    """The constant's own memory, not to be written to; a copy where NumPy lacks its type."""
    try:
        array = np.from_dlpack(constant.value)
    except (BufferError, RuntimeError):
        return np.asarray(constant.value.numpy())
    array.flags.writeable = False
    return array


def transposed(array: Array, axes: list[int] | None = None) -> Array:
    """``np.transpose`` in memory of its own; a large matrix tile by tile, thrice as fast."""
    view = np.transpose(array, axes)
    if view.ndim != 2 or not view.flags.f_contiguous:
        return np.ascontiguousarray(view)
    result = np.empty(view.shape, view.dtype)
    rows, columns = _TILE
    for row in range(0, view.shape[0], rows):
        for column in range(0, view.shape[1], columns):
            part = np.s_[row : row + rows, column : column + columns]
            result[part] = view[part]
    return result
