"""LRN as a sum over neighbouring channels, for every rank, type and window.

before: LRN(x, size=3)
after:  x / (bias + alpha / 3 * sum) ^ beta

For float32 the sum is a convolution of x * x whose weights are 1 where |c - c'| <= 1;
elsewhere s[c-1] + s[c] + s[c+1] with s = Pad(x * x). The power 0.75 is two square roots.
A square that overflows makes NaN of all channels of its pixel (0 * inf).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, number

# More channels than these cost more as a convolution of which most is zero.
BANDED = 512


class Lrn(NodeRewrite):
    """Taken when the number of channels is known."""

    operators = frozenset({"LRN"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype is None or x.shape is None or not isinstance(x.shape[1], int):
            return None
        channels, rank, dtype = x.shape[1], len(x.shape), x.dtype.numpy()
        size, alpha = integer(node, "size", 1), number(node, "alpha", 1e-4)
        bias, beta = number(node, "bias", 1.0), number(node, "beta", 0.75)
        squares = tape.op("Mul", [x, x])
        banded = dtype == np.float32 and 3 <= rank <= 5 and channels <= BANDED
        sums = _convolution if banded else _slices
        total = sums(tape, squares, _Window(channels, rank, size, dtype))
        share = tape.op("Mul", [total, constant(tape, alpha / size, dtype)])
        scale = tape.op("Add", [share, constant(tape, bias, dtype)])
        if alpha >= 0 and bias > 0 and beta == 0.75:
            root = tape.op("Sqrt", [scale])
            return [tape.op("Div", [x, tape.op("Mul", [root, tape.op("Sqrt", [root])])])]
        return [tape.op("Div", [x, tape.op("Pow", [scale, constant(tape, beta, dtype)])])]


@dataclass(frozen=True)
class _Window:
    """``size`` neighbours of each of ``channels``."""

    channels: int
    rank: int
    size: int
    dtype: np.dtype[Any]

    @property
    def before(self) -> int:
        """Neighbours below the channel itself."""
        return (self.size - 1) // 2


def _convolution(tape: Tape, squares: ir.Value, window: _Window) -> ir.Value:
    channels = np.arange(window.channels)
    distance = channels[None, :] - channels[:, None] + window.before
    near = (distance >= 0) & (distance < window.size)
    shape = (window.channels, window.channels, *[1] * (window.rank - 2))
    return tape.op("Conv", [squares, constant(tape, near.reshape(shape), window.dtype)])


def _slices(tape: Tape, squares: ir.Value, window: _Window) -> ir.Value:
    pads = [0] * (2 * window.rank)
    pads[1], pads[window.rank + 1] = window.before, window.size - 1 - window.before
    padded = tape.op("Pad", [squares, constant(tape, pads, "int64")])
    axis = constant(tape, [1], "int64")

    def part(first: int) -> ir.Value:
        ends = [constant(tape, [at], "int64") for at in (first, first + window.channels)]
        return tape.op("Slice", [padded, *ends, axis])

    return reduce(lambda a, b: tape.op("Add", [a, b]), map(part, range(window.size)))
