"""The end of a kernel whose results are bytes: four vectors of numbers become one.

before: for w, i: y[w, i] = uint8(max(min(x[w, i] >> 7, 255), 0))
after:  for w: for vector of 32: wide[w, :] = max(min(x[w, :] >> 7, 255), 0)
        for vector of 128 over w and i: y[...] = uint8(wide[...])
"""

from __future__ import annotations

import tvm
from tvm import s_tir, tirx
from tvm.ir.expr import TensorLoad
from tvmedge.schedules.steps.blocks import Anchored, Block, anchor, blocks, find
from tvmedge.schedules.steps.loops import Loop, extent, unroll

from tvmedge.scheduling.plan import KERNEL

WIDE = "wide"
BYTES = 128  # of a vector
PIXELS = 4  # of 32 channels, to a vector


def narrow_anchor(schedule: s_tir.Schedule, kind: str) -> tuple[Anchored, Block | None]:
    """``anchor`` of the block ``kind``, but the last cast to bytes stays a block of its own; None
    where nothing is cast."""
    last = blocks(schedule)[-1]
    main = find(schedule, kind)
    assert main is not None
    if not _narrows(schedule.get(last)):
        return anchor(schedule, main), None
    before = schedule.get_producers(last)[0]
    if KERNEL in schedule.get(before).annotations:
        return anchor(schedule, main), None
    schedule.annotate(before, KERNEL, WIDE)
    kernel = anchor(schedule, main, beyond=last)
    if KERNEL not in schedule.get(kernel.epilogue).annotations:  # sums are copied first
        byte_vectors(schedule, last, len(schedule.get_loops(last)) - 2)
        return kernel, None
    return kernel, last


def end_tile(
    schedule: s_tir.Schedule, kernel: Anchored, narrow: Block | None, place: Loop, depth: int
) -> None:
    """What is done to a tile of sums at ``place``, inside of ``depth`` loops."""
    schedule.reverse_compute_at(kernel.epilogue, place, preserve_unit_loops=True)
    in_rows(schedule, kernel.epilogue, depth)
    if narrow is not None:
        schedule.reverse_compute_at(narrow, place, preserve_unit_loops=True)
        byte_vectors(schedule, narrow, depth)


def in_rows(schedule: s_tir.Schedule, block: Block, depth: int) -> None:
    """The innermost loop of ``block`` a vector, those up to ``depth`` written out."""
    *inner, last = schedule.get_loops(block)[depth:]
    unroll(schedule, inner)
    schedule.vectorize(last)


def byte_vectors(schedule: s_tir.Schedule, block: Block, depth: int) -> None:
    """A block of bytes over pixels and their 32 channels, its innermost two loops: four pixels a
    vector, and those left one by one, since LLVM takes vectors of other lengths apart. Loops
    between these and the outermost ``depth`` are written out."""
    *inner, pixels, lanes = schedule.get_loops(block)[depth:]
    unroll(schedule, inner)
    count = extent(schedule, pixels) or 1
    if count > PIXELS and count % PIXELS:
        name, loop = schedule.get(block).name_hint, schedule.get(pixels).loop_var.name
        schedule.loop_partition(pixels, [count // PIXELS * PIXELS, None])
        rest = schedule.get_sblock(f"{name}_{loop}1")
        in_rows(schedule, rest, len(schedule.get_loops(rest)) - 2)
        block = schedule.get_sblock(f"{name}_{loop}0")
        pixels, lanes = schedule.get_loops(block)[-2:]
    elif count % PIXELS:
        in_rows(schedule, block, len(schedule.get_loops(block)) - 2)
        return
    _, vector = schedule.split(schedule.fuse(pixels, lanes), [None, BYTES])
    schedule.vectorize(vector)


def _narrows(block: s_tir.SBlock) -> bool:
    """Whether ``block`` is a cast of an int32 tensor to bytes, and nothing else."""
    store = block.body
    if not isinstance(store, tirx.BufferStore) or not isinstance(store.value, tirx.Cast):
        return False
    value: tvm.ir.Expr = store.value.value
    bits = tvm.runtime.DataType(str(store.buffer.dtype)).bits
    return bits == 8 and isinstance(value, TensorLoad) and str(value.source.dtype) == "int32"
