"""A Fourier transform of known length: one product, or the products of its factors.

before: DFT of length 400
after:  20 transforms of length 20, one multiplication by roots of unity,
        20 transforms of length 20                      (Cooley and Tukey)

Factors make n (n1 + n2) products of n^2, two small tables of one large, and
errors that hardly grow with n. On x86 one product is faster up to MAX_WHOLE
samples (measured: 256 complex ones 0.9 ms against 1.3, 400 9.7 against 1.1);
a prime length stays one product, too.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.expansions.fourier_matrix import Fourier
from tvmedge.model.prepare.rewrite import constant

MAX_WHOLE = 256


def affordable(fourier: Fourier) -> bool:
    """Whether the tables may be written out."""
    factor = _factor(fourier)
    return fourier.affordable if factor == 1 else affordable(_rest(fourier, factor))


def transform(tape: Tape, x: ir.Value, fourier: Fourier, rank: int, dtype: ir.DataType) -> ir.Value:
    """Transform the last two axes, samples and parts, of ``x``."""
    factor = _factor(fourier)
    if factor == 1:
        return _product(tape, x, fourier, rank, dtype)
    rest = _rest(fourier, factor)
    # sample n = rest * a + b, output k = k1 + factor * k2
    x = _split(tape, x, rank, [factor, rest.samples, fourier.parts])
    x = _swap(tape, x, rank)
    first = Fourier(factor, fourier.parts, factor, fourier.inverse)
    x = _product(tape, x, first, rank + 1, dtype)  # [b, k1, part]
    x = _turn(tape, x, _angles(fourier, factor), dtype)
    x = transform(tape, _swap(tape, x, rank), rest, rank + 1, dtype)  # [k1, k2, part]
    x = _split(tape, _swap(tape, x, rank), rank, [factor * rest.outputs, 2])
    if factor * rest.outputs == fourier.outputs:
        return x
    return tape.op("Slice", [x, *(constant(tape, [n], "int64") for n in (0, fourier.outputs, -2))])


def _factor(fourier: Fourier) -> int:
    """The largest divisor up to the root; 1 where one product is made."""
    n = fourier.length
    if n <= MAX_WHOLE or fourier.samples != n or (fourier.inverse and fourier.onesided):
        return 1
    return next(d for d in range(math.isqrt(n), 0, -1) if n % d == 0)


def _rest(fourier: Fourier, factor: int) -> Fourier:
    """What follows the first factor; a onesided spectrum needs its front only."""
    length = fourier.length // factor
    rest = Fourier(length, 2, length, fourier.inverse)
    return replace(rest, limit=-(-fourier.outputs // factor))


def _angles(fourier: Fourier, factor: int) -> npt.NDArray[np.float64]:
    """[b, k1, 1]"""
    turns = np.arange(fourier.length // factor)[:, None] * np.arange(factor)
    angles = 2 * np.pi * turns[..., None] / fourier.length
    return np.asarray(angles if fourier.inverse else -angles)


def _turn(tape: Tape, x: ir.Value, angles: npt.NDArray[np.float64], dtype: ir.DataType) -> ir.Value:
    """(a + bi)(cos + i sin) = (a cos - b sin) + (b cos + a sin) i"""
    cos = constant(tape, np.cos(angles), dtype.numpy())
    sin = constant(tape, np.sin(angles) * [-1, 1], dtype.numpy())
    other = tape.op("Gather", [x, constant(tape, [1, 0], "int64")], {"axis": -1})
    return tape.op("Add", [tape.op("Mul", [x, cos]), tape.op("Mul", [other, sin])])


def _product(tape: Tape, x: ir.Value, fourier: Fourier, rank: int, dtype: ir.DataType) -> ir.Value:
    flat = _split(tape, x, rank, [fourier.samples * fourier.parts])
    matrix = constant(tape, fourier.matrix(), dtype.numpy())
    ends = [fourier.outputs, fourier.output_parts]
    return _split(tape, tape.op("MatMul", [flat, matrix]), rank, ends)


def _split(tape: Tape, x: ir.Value, rank: int, ends: list[int]) -> ir.Value:
    """The axes before the last two of ``rank`` stay."""
    return tape.op("Reshape", [x, constant(tape, [*[0] * (rank - 2), *ends], "int64")])


def _swap(tape: Tape, x: ir.Value, rank: int) -> ir.Value:
    """Exchange the two axes before the parts."""
    return tape.op("Transpose", [x], {"perm": [*range(rank - 2), rank - 1, rank - 2, rank]})
