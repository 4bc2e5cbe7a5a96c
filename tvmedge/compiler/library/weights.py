"""Weights in a file that kernels read where it lies: every tensor starts on 64 bytes.

before: w: [6625, 120] of float32 (3,180,000 bytes)
after:  w: [795008], zeros at its end; the tensor after it begins on a multiple of 64 bytes

TVM's VM copies tensors that are not aligned; a library has no memory to copy to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tvmedge.bundle import tensorfile
from tvmedge.compiler.library.program import Array, Call, Copy, Home, Program, Tensor
from tvmedge.compiler.passes.lift_weights import MIN_BYTES, content_name

MIN_CONSTANT_BYTES = 512
"""Smaller constants stay in the code: an entry of the file takes about a hundred bytes."""


def constants_in_file(
    program: Program, weights: Mapping[str, Array]
) -> tuple[Program, dict[str, Array]]:
    """Let constants of 512 bytes and more be weights, too: unlike the VM's, a library's calls
    cost the same wherever their arguments lie.

    before: conv(work, constant 7, work)         constants: 55 KB in the code
    after:  conv(work, weight 34, work)          constants: 9 KB

    A model that has nothing else in the file keeps its constants inside until they come to 4 KiB.
    """
    large = {
        index: array
        for index, array in enumerate(program.constants)
        if array.nbytes >= MIN_CONSTANT_BYTES and array.dtype.name in tensorfile.DTYPES
    }
    if not weights and sum(array.nbytes for array in large.values()) < MIN_BYTES:
        return program, dict(weights)
    names = {index: content_name(array) for index, array in large.items()}
    every = {**weights, **{names[index]: array for index, array in large.items()}}
    order = {name: place for place, name in enumerate(every)}
    kept = [index for index in range(len(program.constants)) if index not in large]

    def moved(tensor: Tensor) -> Tensor:
        if tensor.home is not Home.CONSTANT:
            return tensor
        if tensor.index in names:
            return Tensor(Home.WEIGHT, order[names[tensor.index]], tensor.nbytes)
        return Tensor(Home.CONSTANT, kept.index(tensor.index), tensor.nbytes)

    calls = tuple(Call(c.kernel, tuple(map(moved, c.arguments)), c.binding) for c in program.calls)
    copies = tuple(Copy(moved(copy.source), copy.output) for copy in program.copies)
    constants = tuple(program.constants[index] for index in kept)
    result = dataclasses.replace(
        program, weights=tuple(order), constants=constants, calls=calls, copies=copies
    )
    return result, every


def aligned_weights(weights: Mapping[str, Array], alignment: int) -> dict[str, Array]:
    """The same tensors, those of odd size in one dimension and with zeros behind, so that each
    begins at a multiple of ``alignment`` (64 or 128)."""
    padded = {name: _padded(array, alignment) for name, array in weights.items()}
    places = tensorfile.offsets(padded)
    if not padded or min(places.values()) % alignment == 0:
        return padded
    # The header ends at a multiple of 64: axes of one make its text longer.
    first = min(places, key=lambda name: places[name])
    for _ in range(tensorfile.ALIGNMENT):
        padded[first] = padded[first][np.newaxis]
        if min(tensorfile.offsets(padded).values()) % alignment == 0:
            break
    return padded


def _padded(array: Array, alignment: int) -> Array:
    rest = -array.nbytes % alignment
    if not rest:
        return array
    flat = np.ascontiguousarray(array).reshape(-1)
    zeros = np.zeros(rest // array.itemsize, array.dtype)
    return np.concatenate([flat, zeros])
