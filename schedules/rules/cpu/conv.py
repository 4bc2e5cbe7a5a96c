"""Convolution in blocks of channels, dense or grouped, any window.

before: for n, oc, oh, ow, o, ic, kh, kw, ii: sum
after:  parallel n, oc / V, oh / R:              (or n, oh / R, oc / V: what is larger is read once)
          for ow / C:
            V x R x C vectors of sums = 0                          (in registers)
            for ic, kh, kw, ii / 4: unrolled 4: V x R x C multiply-adds
            bias, residual, activation, store

V, R, C come from the core's registers (tiles.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.inner import picked_inner
from tvmedge.schedules.rules.cpu.tiles import (
    PORTS,
    Room,
    Row,
    Tile,
    image_tile,
    overflows,
    picked_tile,
    row_of,
)
from tvmedge.schedules.steps.blocks import Block, anchor, scheduled
from tvmedge.schedules.steps.loops import Loop, extent, vectorize
from tvmedge.schedules.steps.pads import fill_and_copy
from tvmedge.schedules.steps.registers import keep_first
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import AHEAD, GROUPS, HALVES, MOVES, PLANES, Plan
from tvmedge.targeting.core import Core

ROWS_ALONE = 4  # times the weights, for one core: their way from the L2 costs more (measured)
FLOAT = 4  # bytes
INPUTS = 4  # channels whose weights, lines of memory, a turn of the inner loop multiplies
ENOUGH = 2  # tasks for each core, that a task may be more than a row of tiles


class Conv:
    """Register tiles over a packed convolution."""

    name = "conv"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a blocked convolution."""
        found = scheduled(func, "conv")
        if found is None:
            return None
        schedule, main = found
        n, oc, oh, ow, o, ic, kh, kw, ii = schedule.get_loops(main)
        outs, rows, columns, block = (extent(schedule, loop) for loop in (oc, oh, ow, o))
        if outs is None or block != core.lanes:
            return None
        annotations = schedule.get(main).annotations
        groups, planes = (int(annotations.get(key, 1)) for key in (GROUPS, PLANES))
        stride, dilation = annotations.get(MOVES, (1, 1))
        summed = [extent(schedule, loop) for loop in (ic, kh, kw, ii)]
        together, products = rows if planes == 1 else 1, math.prod(size or 0 for size in summed)
        row = row_of(core, summed[2] or 1, (int(stride), int(dilation)), summed[3] or 1)
        images, fused = groups * (extent(schedule, n) or 0), _fused(core, summed[3])
        room = Room(products=products, images=images, row=row, fused=fused)
        estimate = image_tile(core, outs // groups, together, columns, room)
        tile = picked_tile(knobs, core, estimate, outs // groups, together, columns)
        inner = picked_inner(knobs, core, summed[3])
        large = outs // groups > tile.vectors and _image_first(core, schedule, main)
        turns = _picked_turns(knobs, row, summed, large if outs > tile.vectors else None)
        several = turns.several(extent(schedule, n), outs // tile.vectors, rows, tile.rows)
        rows_apart = several < ENOUGH * core.cores or knobs.pick("rows_apart", (False, True), True)
        knobs.settle()
        kernel = anchor(schedule, main)
        places = zip((oc, oh, ow), (tile.vectors, tile.rows, tile.columns), strict=True)
        (oc, oc_in), (oh, oh_in), (ow, ow_in) = (
            schedule.split(x, [None, size]) for x, size in places
        )
        ii, ii_in, lanes = inner.split(schedule, ii)
        if turns.row_written_out:
            schedule.unroll(kw)
        if turns.plane:
            lanes = kh  # a row of a plane, used by the whole window
        if rows is None or columns is None:  # how far a tile reads is no number then
            lanes = None
        outer = (n, oh, oc) if turns.image_first else (n, oc, oh)
        parallel = outer if rows_apart else outer[:2]
        reduced: tuple[Loop, ...] = (kh, kw, ic, ii) if turns.by_tap else (ic, kh, kw, ii)
        if annotations.get(HALVES):
            ic, turn = schedule.split(ic, [None, 2])
            schedule.unroll(turn)
            reduced = (ic, turn, kh, kw, ii)
        sums = (*inner.order((oh_in, ow_in), oc_in), o)
        loops = Sums(parallel, (*outer[len(parallel) :], ow), reduced, (ii_in,), sums, lanes)
        if _streams(core, tile, summed, (rows, columns)) and not turns.image_first:
            schedule.annotate(reduced[-1], AHEAD, tile.sizes)
        keep_first(schedule, reduced if overflows(core, tile, room) else (), core)
        keep_in_registers(schedule, kernel, loops, core.lanes)
        known = planes == 1 and several > 0 and None not in (rows, columns)
        alone = known and rows_apart and outs == tile.vectors and summed[3] == 1
        if kernel.pad is not None:
            _pad(schedule, kernel.pad, schedule.get_loops(kernel.main)[0] if alone else None, core)
        return Plan(schedule, str(tile), tile.peak)


def _fused(core: Core, inputs: int | None) -> int:
    """Multiply-adds of a cycle that a tile goes by. Single channels, which are a first layer's, are
    as if there were two: small tiles take 1.02 to 1.07 of the time there."""
    return core.fused if inputs is not None and inputs > 1 else PORTS


@dataclass(frozen=True)
class _Turns:
    """In which order tiles are formed, and the products of each: all channels of an image's rows
    before the next rows if ``image_first``, all channels of a tap before the next if ``by_tap``.
    ``plane``: one input channel is a plane of its own, whose rows are read as vectors."""

    row_written_out: bool
    plane: bool
    image_first: bool
    by_tap: bool

    def several(self, images: int | None, groups: int, rows: int | None, height: int) -> int:
        """Tasks of the two outer loops of three, 0 where their number is open."""
        return (images or 0) * ((rows or 0) // height if self.image_first else groups)


def _streams(
    core: Core, tile: Tile, summed: Sequence[int | None], image: tuple[int | None, int | None]
) -> bool:
    """Whether the weights of a tile pass through the L1 for a few tiles, so that those of the next
    group are worth fetching ahead (measured: 0.91 of the time of 1x1 sums over 7x7 pixels, whose
    weights come from beyond the L2)."""
    rows, columns = image
    if not core.fetches or rows is None or columns is None or None in summed:
        return False
    weights = tile.vectors * core.lanes * math.prod(size or 1 for size in summed) * FLOAT
    few = tile.pixels(rows, columns) <= INPUTS * tile.vectors
    return few and bool(weights > core.l1_kib * 1024 // 2)


def _image_first(core: Core, schedule: s_tir.Schedule, main: Block) -> bool:
    """Whether an image is large enough beside all weights to be read once, and those for each of
    its rows. Cores that have rows of their own take less from each other's caches, which is worth
    more weights (densenet121's 1x1 on two cores: 1.8 times as fast as on one, not 1.4). Not on
    NEON, whose cores mostly share the L2: opennsfw takes 1 % more instructions (counted)."""
    if core.lane_operand:
        return False
    *_, image, weights = (read.source.shape for read in schedule.get(main).reads)
    sizes = [size for shape in (image[1:], weights) for size in shape]
    if not all(isinstance(size, tirx.IntImm) for size in sizes):
        return False
    least = 1 if core.cores > 1 else ROWS_ALONE
    return math.prod(map(int, image[1:])) > least * math.prod(map(int, weights))


def _picked_turns(
    knobs: Knobs, row: Row, summed: Sequence[int | None], image_first: bool | None
) -> _Turns:
    """``image_first`` is the default, None where one tile has all channels."""
    _, height, width, _ = (size or 1 for size in summed)
    written_out = row.planar or row.taps > 1
    if width > 1:
        written_out = knobs.pick("row_written_out", (False, True), written_out)
    plane = row.planar and written_out
    if image_first is not None:
        image_first = knobs.pick("image_first", (False, True), image_first)
    taps = height * width > 1 and not plane
    return _Turns(
        written_out, plane, bool(image_first), taps and knobs.pick("by_tap", (False, True), False)
    )


def _pad(schedule: s_tir.Schedule, pad: Block, rows: Loop | None, core: Core) -> None:
    """The padded copy, or one of what each turn of ``rows`` reads, which the L1 keeps: for single
    channels of which one tile has all results (measured: 0.77 of the time)."""
    if rows is None or core.lane_operand or core.items:
        pad_planes(schedule, pad, core)
    else:
        schedule.compute_at(pad, rows, preserve_unit_loops=True)


def pad_planes(schedule: s_tir.Schedule, pad: Block, core: Core) -> None:
    """The padded copy: planes in parallel, whole vectors of channels."""
    *planes, w, i = schedule.get_loops(pad)
    size = extent(schedule, i) or 1
    if core.lane_operand and extent(schedule, w) is not None:
        schedule.parallel(schedule.fuse(*planes[:-1]))
        fill_and_copy(schedule, pad)
        return
    if size % core.lanes == 0:
        vectorize(schedule, i, core.lanes)
    elif extent(schedule, w) is not None:  # TVM mixes 32 and 64 bits in partitions else
        schedule.annotate(w, "pragma_loop_partition_hint", 1)
    schedule.parallel(schedule.fuse(*planes))
