"""Weights in a file that kernels read where it lies: every tensor starts on 64 bytes.

before: w: [6625, 120] of float32 (3,180,000 bytes)
after:  w: [795008], zeros at its end; the tensor after it begins on a multiple of 64 bytes

TVM's VM copies tensors that are not aligned; a library has no memory to copy to.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tvmedge.bundle import tensorfile
from tvmedge.compiler.library.program import Array


def aligned_weights(weights: Mapping[str, Array]) -> dict[str, Array]:
    """The same tensors, those of odd size in one dimension and with zeros behind."""
    return {name: _padded(array) for name, array in weights.items()}


def _padded(array: Array) -> Array:
    rest = -array.nbytes % tensorfile.ALIGNMENT
    if not rest:
        return array
    flat = np.ascontiguousarray(array).reshape(-1)
    zeros = np.zeros(rest // array.itemsize, array.dtype)
    return np.concatenate([flat, zeros])
