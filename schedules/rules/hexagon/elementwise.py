"""Bytes and integers made of bytes and integers, copies and tables: 128 lanes at a time.

before: for n, c, h, w, i: y[n, c, h, w, i] = uint8(limits((a * 3 + b * 5 + 64) >> 7))
after:  parallel n, c, h: for vectors of 128 over w, i: y = ...

Numbers of 32 bits are four vectors each then, which become one of bytes without a turn through
memory. What is left of a row are pieces of 32, and single elements.
"""

from __future__ import annotations

import tvm
from tvm import s_tir, tirx
from tvm.ir.expr import TensorLoad
from tvm_ffi import structural_walk
from tvmedge.schedules.rules.hexagon.intrinsics import LANES
from tvmedge.schedules.rules.hexagon.narrow import BYTES
from tvmedge.schedules.steps.access import moves
from tvmedge.schedules.steps.blocks import Block, blocks
from tvmedge.schedules.steps.elementwise import inline, reduces
from tvmedge.schedules.steps.loops import extent

from tvmedge.scheduling.choices import depend_on
from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

TYPES = ("uint8", "int8", "int32")
CODES = 256  # entries of a table by bytes


class Elementwise:
    """Vectors along what lies side by side."""

    name = "byte_elementwise"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for sums and floats, and where vectors would be gathered."""
        schedule = s_tir.Schedule(func)
        knobs.settle()
        for block in blocks(schedule):
            inline(schedule, block)
        rest = blocks(schedule)
        inner = [side_by_side(schedule, block) for block in rest]
        if 0 in inner:
            return None
        for block, count in zip(rest, inner, strict=True):
            in_vectors(schedule, block, count)
        return Plan(schedule)


def side_by_side(schedule: s_tir.Schedule, block: Block) -> int:
    """How many of the innermost loops of ``block`` are one for vectors; 0 where none is."""
    body, loops = schedule.get(block), schedule.get_loops(block)
    if reduces(body) or not loops or not _of_integers(body):
        return 0
    known = moves(schedule, block, loops)
    if known is None:
        return 0
    steps = [step for step in known.steps if step[-1] is not None]
    tables = sum(_is_table(region.source) for region in body.reads)
    if len(known.steps) - len(steps) > tables or known.steps[0][-1] != 1:
        return 0
    if any(step[-1] not in (0, 1) for step in steps):
        return 0
    count, size = 0, 1
    while count < len(loops) and _joins(known.extents, steps, count) and _is_power(size):
        if depend_on(body.body, body.iter_vars[-count - 1].var):
            break
        size *= known.extents[-count - 1]
        count += 1
    return count if size >= LANES else 0


def _of_integers(block: s_tir.SBlock) -> bool:
    """Whether ``block`` computes with integers, and takes the bits of floats at most."""
    types = {str(region.source.dtype) for region in (*block.reads, *block.writes)}
    return types <= {*TYPES} or _takes_bits(block)


def _takes_bits(block: s_tir.SBlock) -> bool:
    calls: list[tvm.ir.Call] = []
    loads: list[TensorLoad] = []
    structural_walk(block.body, (tvm.ir.Call, calls.append))
    structural_walk(block.body, (TensorLoad, loads.append))
    taken = [call.args[0] for call in calls if call.op.name == "tirx.reinterpret"]
    floats = [load for load in loads if str(load.source.dtype) == "float32"]
    others = {str(load.source.dtype) for load in loads} - {"float32", *TYPES}
    of_loads = sum(isinstance(value, TensorLoad) for value in taken)
    written = str(block.writes[0].source.dtype)
    return not others and written in TYPES and len(taken) == len(floats) == of_loads


def _joins(extents: tuple[int, ...], steps: list[tuple[int | None, ...]], count: int) -> bool:
    """Whether the loop outside of ``count`` ones goes on where they end, in all accesses."""
    at = len(extents) - count - 1
    return (
        count == 0
        or extents[at] == 1
        or all(
            step[at] is not None and step[at] == (step[at + 1] or 0) * extents[at + 1]
            for step in steps
        )
    )


def _is_power(size: int) -> bool:
    """Of two: TVM finds where a vector over two loops lies only if the inner one is."""
    return size & (size - 1) == 0


def _is_table(buffer: tirx.Buffer) -> bool:
    return len(buffer.shape) == 1 and bool(buffer.shape[0] == CODES)


def in_vectors(schedule: s_tir.Schedule, block: Block, count: int) -> None:
    loops = schedule.get_loops(block)
    outer, inner = loops[:-count], loops[-count:]
    loop = schedule.fuse(*inner) if count > 1 else inner[0]
    if outer:
        schedule.parallel(schedule.fuse(*outer))
    size = extent(schedule, loop) or 1
    whole, pieces = size // BYTES, size % BYTES // LANES
    parts = [*([whole * BYTES] if whole else []), *[LANES] * pieces]
    made = [block]
    if parts != [size]:
        name, variable = schedule.get(block).name_hint, schedule.get(loop).loop_var.name
        exact = size % LANES == 0
        schedule.loop_partition(loop, [*(parts[:-1] if exact else parts), None])
        made = [schedule.get_sblock(f"{name}_{variable}{index}") for index in range(len(parts))]
    for part in made[1 if whole else 0 :]:
        schedule.vectorize(schedule.get_loops(part)[-1])
    if whole:
        _, vector = schedule.split(schedule.get_loops(made[0])[-1], [None, BYTES])
        schedule.vectorize(vector)
