"""Depthwise convolutions and pools in blocks of channels.

before: for n, c, oh, ow, i, kh, kw: sum
after:  parallel n, c (and oh, where planes are few):
          for oh, ow / C: the first and the last tile apart, which read less
            C vectors of sums:
              for kh: if the row is inside: kw written out where it is small
            bias, activation, store

On NEON (fewer instructions) and where a copy of the padded image cannot be avoided:
        parallel n, c:
          pad the plane
          for oh / R, ow / C:
            R x C vectors of sums, kh and kw written out where they are small
            bias, activation, store
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import s_tir, tirx
from tvmedge.schedules.steps.blocks import Block, anchor, blocks, scheduled
from tvmedge.schedules.steps.loops import Loop, divisors, extent, split_each, unroll, vectorize
from tvmedge.schedules.steps.pads import pad_in_vectors
from tvmedge.schedules.steps.registers import keep_first

from tvmedge.scheduling.choices import is_choice
from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import SKIPS, Plan
from tvmedge.targeting.core import Core

MOST_SUMS = 14
MOST_SUMS_LOADED = 7  # where data takes registers, too: more spill
ENOUGH_SUMS = 8  # hide the latency of a multiply-add; more only save loads
ENOUGH = 2  # planes for each core, that the weights of one stay where they are
SMALL_WINDOW = 5
SMALL_ROW = 7
MOST_ROWS, MOST_PLANES = 4, 4
IMAGE_AXES = 5
MOST_WRITTEN_OUT = 9  # multiply-adds for a sum: a row of a larger window at a time


class Window:
    """Vectors of sums over a plane."""

    name = "window"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a blocked depthwise convolution or pool of images of known
        size."""
        found = scheduled(func, "depthwise", "pool")
        if found is None:
            return None
        schedule, main = found
        loops = schedule.get_loops(main)
        extents = [extent(schedule, loop) for loop in loops]
        if None in extents[1:] or extents[4] != core.lanes:
            return None
        _, planes, rows, columns, _, kh_size, kw_size = extents
        written_out = kw_size <= SMALL_WINDOW and kh_size * kw_size <= MOST_WRITTEN_OUT
        step = _step(schedule, main, rows, kh_size)
        # TVM mixes 32 and 64 bits where it sets the edges of an open batch apart.
        skipped = None if extents[0] is None else _skipped(schedule, main, core)
        if skipped is not None:
            height, width = 1, _picked_width(knobs, core, columns, step)
        else:
            tile = _tile(core, rows, columns, step, written_out=written_out)
            height, width = _picked(knobs, core, rows, columns, tile)
        # LLVM writes out the rows of a small tile all the same, unless it has two planes.
        few = core.lane_operand and not written_out and 2 * height * width <= MOST_SUMS
        beside = 2 if few and planes % 2 == 0 else 1
        beside = knobs.pick("planes", [d for d in divisors(planes) if d <= MOST_PLANES], beside)
        turns = _turns(knobs, core, (kh_size, kw_size), written_out=written_out)
        knobs.settle()
        if skipped is not None:
            schedule.compute_inline(skipped)
        kernel = anchor(schedule, main)
        n, c, oh, ow, _ = schedule.get_loops(kernel.epilogue)
        tiles = split_each(schedule, (c, oh, ow), (beside, height, width))
        (c, c_in), (oh, oh_in), (ow, ow_in) = tiles
        schedule.reorder(n, c, oh, ow, c_in, oh_in, ow_in)
        enough = planes // beside >= ENOUGH * core.cores
        whole = kernel.pad is not None or (skipped is not None and enough)
        outer = schedule.fuse(*((n, c) if whole else (n, c, oh)))
        schedule.parallel(outer)
        keep_first(schedule, [ow] if turns.window_written_out else [], core)
        schedule.compute_at(main, ow, preserve_unit_loops=True)
        if kernel.pad is not None:
            schedule.compute_at(kernel.pad, outer, preserve_unit_loops=True)
        _in_vectors(schedule, schedule.get_loops(kernel.epilogue)[-4:], core)
        depth = 3 if whole else 2
        if skipped is not None:
            schedule.annotate(ow, "pragma_loop_partition_hint", 1)
        _, c, oh, ow, i, kh, kw = schedule.get_loops(main)[depth:]
        schedule.reorder(kh, *((oh, ow, kw) if turns.used_up else (kw, oh, ow)), c, i)
        if skipped is not None:
            schedule.annotate(kh, SKIPS, 1)
        for loop, short in ((kh, turns.window_written_out), (kw, turns.row_written_out)):
            if short:
                schedule.unroll(loop)
        _in_vectors(schedule, [oh, ow, c, i], core)
        start = schedule.decompose_reduction(main, kh)
        _in_vectors(schedule, schedule.get_loops(start)[depth:], core)
        pad_in_vectors(schedule, kernel.pad, core)
        return Plan(schedule, f"{beside}x{height}x{width} vectors")


@dataclass(frozen=True)
class _Turns:
    """What LLVM is given without a loop; each vector of data is ``used_up`` before the next."""

    window_written_out: bool
    row_written_out: bool
    used_up: bool


def _turns(knobs: Knobs, core: Core, window: tuple[int, int], *, written_out: bool) -> _Turns:
    kh_size, kw_size = window
    row = kw_size <= (SMALL_ROW if core.lane_operand else SMALL_WINDOW)
    if kw_size > 1:
        row = knobs.pick("row_written_out", (False, True), row)
    if kh_size > 1:
        written_out = knobs.pick("window_written_out", (False, True), written_out)
    # Where data takes registers, each vector of it is used up before the next.
    used_up = knobs.pick("data_used_up", (False, True), core.lane_operand and row)
    return _Turns(written_out, row, used_up)


def _picked(
    knobs: Knobs, core: Core, rows: int, columns: int, tile: tuple[int, int]
) -> tuple[int, int]:
    """``tile``, unless ``knobs`` pick another."""
    heights = [d for d in divisors(rows) if d <= MOST_ROWS]
    height = knobs.pick("rows", heights, tile[0])
    widths = [d for d in divisors(columns) if d * height <= core.registers]
    return height, knobs.pick("columns", widths, tile[1] if height == tile[0] else widths[-1])


def _in_vectors(schedule: s_tir.Schedule, loops: Sequence[Loop], core: Core) -> None:
    """The last of ``loops`` as a vector, the others written out."""
    unroll(schedule, loops[:-1])
    vectorize(schedule, loops[-1], core.lanes)


def _step(schedule: s_tir.Schedule, main: Block, rows: int, kh_size: int) -> int:
    """Rows of the image between those of two windows; of volumes, whose windows have one row, 1."""
    images = (read.source.shape for read in schedule.get(main).reads)
    height = max((int(image[2]) for image in images if len(image) == IMAGE_AXES), default=0)
    return max(1, (height - kh_size) // max(1, rows - 1))


def _skipped(schedule: s_tir.Schedule, main: Block, core: Core) -> Block | None:
    """The padded copy, if there is one that need not be made: what is read is the image itself,
    and padding is what ``main`` begins with (codes are padded with their zero point, which counts).
    None on NEON and where there are no vectors (not measured)."""
    if core.lane_operand or core.lanes == 1:
        return None
    given, begins = schedule.mod["main"].params, schedule.get(main).init
    for block in blocks(schedule):
        body = schedule.get(block)
        if body.name_hint == "pad" and any(body.reads[0].source.same_as(x) for x in given):
            return block if begins is not None and _changes_nothing(body.body, begins) else None
    return None


def _changes_nothing(pad: tirx.Stmt, begins: tirx.Stmt) -> bool:
    """Whether padding is 0 for a sum, and no more than the least for a largest element."""
    if not isinstance(pad, tirx.BufferStore) or not isinstance(begins, tirx.BufferStore):
        return False
    if not is_choice(pad.value):
        return False
    padding, first = pad.value.args[2], begins.value
    if not all(isinstance(one, tirx.IntImm | tirx.FloatImm) for one in (padding, first)):
        return False
    return bool(padding.value == first.value or (first.value != 0 and padding.value < first.value))


def _picked_width(knobs: Knobs, core: Core, columns: int, step: int) -> int:
    """Columns of a row of sums that skips its padding: as many as go into registers, in tiles of
    about the same width."""
    most = MOST_SUMS if core.memory_operand and step == 1 else MOST_SUMS_LOADED
    estimate = -(-columns // -(-columns // most))
    widths = sorted({estimate, *(d for d in divisors(columns) if d <= core.registers)})
    width: int = knobs.pick("columns", widths, estimate)
    return width


def _tile(core: Core, rows: int, columns: int, step: int, *, written_out: bool) -> tuple[int, int]:
    """Rows and columns of sums.

    A window written out keeps its weights in registers, and the columns that the next
    tile reads again; one in a loop over its rows keeps neither. Windows that move on by several
    rows share few with those of the next: LLVM would keep all in registers, and spill.
    """
    loaded = MOST_SUMS if core.lane_operand and not written_out else MOST_SUMS_LOADED
    most = MOST_SUMS if core.memory_operand and step == 1 else loaded
    tiles = [(h, w) for h in (1, 2) if rows % h == 0 for w in divisors(columns) if h * w <= most]
    if core.lane_operand:  # a second row takes more registers than it saves loads
        return max(tiles, key=lambda tile: (tile[0] * tile[1], tile[1]))
    return max(tiles, key=lambda tile: (min(tile[0] * tile[1], ENOUGH_SUMS), *tile))
