"""Depthwise convolutions and pools in blocks of four channels.

before: for n, c, oh, ow, i, kh, kw: sum
after:  items (oh, ow / C), (n, c):
          C vectors of sums = 0                                    (registers)
          for kh:
            the row of an image that C windows see, zero where it is padding
            for kw: a vector of weights; C multiply-adds of four
          bias, activation, store
"""

from __future__ import annotations

from dataclasses import dataclass

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.tiles import idle
from tvmedge.schedules.steps.blocks import Anchored, Block, anchor, scheduled
from tvmedge.schedules.steps.item_sums import depth_of, pad_in_registers, write_out
from tvmedge.schedules.steps.items import GROUP, bind_grid, picked_group, spread_items
from tvmedge.schedules.steps.lanes import WEIGHTS, load_as_vectors
from tvmedge.schedules.steps.loops import Loop, divisors, extent, unroll

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

LOAD = 4  # multiply-adds of a vector that take as long as a load of one
OTHERS = 2  # vectors: of weights, and of what is done to a sum
SMALL_WINDOW = 3  # rows that are written out


@dataclass(frozen=True)
class _Row:
    """Windows of ``taps`` columns, ``step`` apart, over ``lines`` rows."""

    taps: int
    lines: int
    step: int

    def vectors(self, columns: int) -> int:
        """Of data that ``columns`` windows side by side see in a row."""
        return (columns - 1) * self.step + self.taps


class Window:
    """Vectors of sums along a row."""

    name = "window"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a blocked depthwise convolution or pool of known size."""
        found = scheduled(func, "depthwise", "pool")
        if found is None:
            return None
        schedule, main = found
        sizes = [extent(schedule, loop) for loop in schedule.get_loops(main)]
        batch, blocks, rows, columns, block, lines, taps = sizes
        if batch is None or rows is None or columns is None or blocks is None:
            return None
        if lines is None or taps is None or block != core.lanes:
            return None
        row = _Row(taps, lines, _step(schedule, main, columns, taps))
        options = [
            d for d in divisors(columns) if d == 1 or d + row.vectors(d) + OTHERS <= core.registers
        ]
        items = batch * blocks * rows * columns
        wide = min(options, key=lambda d: _cost(core, row, d, items // d))
        wide = knobs.pick("columns", options, wide)
        written_out = lines <= SMALL_WINDOW
        if lines > 1:
            written_out = knobs.pick("window_written_out", (False, True), written_out)
        group = picked_group(knobs, (rows * columns // wide, batch * blocks), GROUP)
        apart = knobs.pick("pad_apart", (False, True), False)
        knobs.settle()
        kernel = anchor(schedule, main, lambda s, b: spread_items(s, b, core.lanes))
        if kernel.pad is not None and apart:
            spread_items(schedule, kernel.pad, core.lanes)
        n, c, oh, ow, i = schedule.get_loops(kernel.epilogue)
        ow, ow_in = schedule.split(ow, [None, wide])
        axes = schedule.fuse(oh, ow), schedule.fuse(n, c)
        schedule.reorder(axes[1], axes[0], ow_in, i)
        place = bind_grid(schedule, list(zip(axes, group, strict=True)))
        write_out(schedule, (ow_in, i))
        _sums(schedule, kernel, place, None if apart else kernel.pad, written_out=written_out)
        return Plan(schedule, f"{wide} vectors, groups of {group[0]}x{group[1]}")


def _sums(
    schedule: s_tir.Schedule, kernel: Anchored, place: Loop, pad: Block | None, *, written_out: bool
) -> None:
    """The sums of one item, at ``place`` of what is done to them; ``pad`` by every item itself."""
    main = kernel.main
    schedule.set_scope(main, 0, "local")
    schedule.compute_at(main, place, preserve_unit_loops=True)
    depth = depth_of(schedule, main, place)
    n, c, oh, ow, i, kh, kw = schedule.get_loops(main)[depth:]
    schedule.reorder(n, c, oh, kh, kw, ow, i)
    if pad is not None:
        pad_in_registers(schedule, pad, kh)
    else:
        load_as_vectors(schedule, main, kh, scope="local")
    if len(schedule.get(main).reads) > 1:
        load_as_vectors(schedule, main, kw, operand=WEIGHTS, scope="local")
    if written_out:
        schedule.unroll(kh)
    unroll(schedule, [kw, ow])
    schedule.vectorize(i)
    start = schedule.decompose_reduction(main, kh)
    write_out(schedule, schedule.get_loops(start)[depth:])


def _step(schedule: s_tir.Schedule, main: Block, columns: int, taps: int) -> int:
    """By how many columns the window moves, at least."""
    read = next(iter(schedule.get(main).reads)).source
    width = read.shape[3]
    size = int(width) if isinstance(width, tirx.IntImm) else columns
    return max(1, (size - taps) // max(columns - 1, 1))


def _cost(core: Core, row: _Row, columns: int, items: int) -> float:
    """Of a vector of results: its loads and multiply-adds, and items that are missing."""
    loads = LOAD * row.vectors(columns) + row.taps
    return float(row.lines * (loads / columns + row.taps) * idle(core, items))
