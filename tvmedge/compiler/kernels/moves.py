"""Channels in blocks moved to other places, in runs that stay together.

What a run is depends on the kernel: 16 where whole blocks move, 1 where every channel
goes its own way. Results carry the annotation ``RUN``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.blocks import Blocks, Index, only_where
from tvmedge.scheduling.plan import RUN

Shape5 = tuple[int, int, int, int, int]


def gather(
    data: te.Tensor,
    shape: Shape5,
    run: int,
    blocks: tuple[Blocks, Blocks],
    source: Callable[[Index], Index],
) -> te.Tensor:
    """data [N, blocks, H, W, b] -> ``shape``, its run u being run ``source(u)`` of data;
    ``blocks`` say how runs stand in data and in the result."""
    before, after = blocks

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        number, rest = _parted(i, run, shape[-1])
        unit, inside = after.channel(c, number)
        block, lane = before.place(source(unit))
        return only_where(inside, data[n, block, h, w, lane * run + rest])

    return te.compute(shape, element, name="gather", attrs={RUN: run})


def concat(parts: Sequence[te.Tensor], shape: Shape5, counts: Sequence[int]) -> te.Tensor:
    """parts [N, ceil(count / b), H, W, b] -> ``shape``, the channels of all in one row and
    zero after them."""
    block = shape[-1]
    ends = list(accumulate(counts))
    run = math.gcd(block, *ends)
    starts = [0, *ends[:-1]]

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        number, rest = _parted(i, run, block)
        unit = c * (block // run) + number
        result = None
        for part, start, end in reversed(list(zip(parts, starts, ends, strict=True))):
            place = Blocks(end - start, 1, block // run).place(unit - start // run)
            value = part[n, place[0], h, w, place[1] * run + rest]
            result = (
                value if result is None else tirx.if_then_else(unit < end // run, value, result)
            )
        return only_where(None if ends[-1] % block == 0 else unit < ends[-1] // run, result)

    return te.compute(shape, element, name="concat", attrs={RUN: run})


def _parted(lane: tirx.Var, run: int, block: int) -> tuple[Index, Index]:
    """Which run of a block a lane is in, and where in it: conditions on whole blocks do not
    depend on lanes."""
    return (0, lane) if run == block else (lane // run, lane % run)
