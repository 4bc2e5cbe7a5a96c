"""3x3 convolutions by Winograd's algorithm, one band of rows of tiles after the other.

before: for all: pad; for all: down; ... images; products; up; winograd; epilogue
after:  for n, band:
          for ic:                                          (images of a band: in the L2)
            pad
            for row of tiles:
              for column: r values down                    (of each tile, where vectors are long)
              for tile: r rows across
          for oc / V:                                      (products of a group: in the L2)
            for point of r * r, tiles / T:
              V x T vectors of sums = 0                    (in registers)
              for ic, ii / 4: unrolled 4: V x T multiply-adds
            for V, tile:
              for column of r: r values up
              for row of m: r values back, bias, residual, activation, store

In parallel run ic and then oc / V, or bands where those keep more cores busy. Only the inner
loop of a transform is written out: r vectors become r or m, which no core has to spill.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.algorithms import TRANSFORMED
from tvmedge.schedules.rules.cpu.inner import Inner, picked_inner
from tvmedge.schedules.rules.cpu.tiles import Tile, picked_tile, register_tile, waiting
from tvmedge.schedules.steps.blocks import Anchored, Block, anchor, find, scheduled
from tvmedge.schedules.steps.loops import Loop, extent, unroll
from tvmedge.schedules.steps.pads import pad_in_vectors
from tvmedge.schedules.steps.registers import beside, keep
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

_ON_THEIR_WAY = 3  # registers of weights for each block of inputs whose products are written out


@dataclass(frozen=True)
class Stages:
    """The blocks of ``kernels/winograd.py`` before the last."""

    down: Block
    images: Block
    products: Block
    up: Block


def stages_of(schedule: s_tir.Schedule) -> Stages:
    """Those of a convolution by Winograd's algorithm."""
    found = [find(schedule, f"winograd.{x}") for x in ("down", "images", "products", "up")]
    return Stages(*(block for block in found if block is not None))


@dataclass(frozen=True)
class _Sizes:
    """``points`` and ``outputs`` are r and m; ``tiles`` are those of a band, ``ins`` blocks of
    inputs, ``groups`` those of ``vectors`` blocks of outputs whose weights stand side by side."""

    bands: int
    ins: int
    groups: int
    band_rows: int
    tiles: int
    points: int
    outputs: int
    vectors: int
    lanes: int


class Winograd:
    """Transforms around products that stay in the L2."""

    name = "winograd"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a convolution of ``kernels/winograd.py``."""
        found = scheduled(func, "winograd")
        if found is None:
            return None
        schedule, main = found
        stages = stages_of(schedule)
        sizes = _sizes(schedule, main, stages)
        if sizes.lanes != core.lanes:
            return None
        tile = register_tile(core, sizes.vectors, 1, sizes.tiles, TRANSFORMED)
        tile = picked_tile(knobs, core, tile, tile.vectors, 1, sizes.tiles)
        inner = picked_inner(knobs, core, extent(schedule, schedule.get_loops(stages.products)[-1]))
        knobs.settle()
        kernel = anchor(schedule, main)
        stage = max(waiting(core, blocks) for blocks in (sizes.ins, sizes.groups))
        whole = waiting(core, sizes.bands) < stage
        _back(schedule, kernel, stages, sizes, whole, core)
        _products(schedule, stages.products, tile, inner, core)
        _images(schedule, kernel.pad, stages, sizes, whole, core)
        return Plan(schedule, f"F({sizes.outputs}x{sizes.outputs}), {tile}", tile.peak)


def _sizes(schedule: s_tir.Schedule, main: Block, stages: Stages) -> _Sizes:
    _, bands, _, tiles, _, lanes = _shape(schedule, stages.products)
    outputs = _shape(schedule, stages.up)[4]
    _, _, rows, _, _ = _shape(schedule, main)
    weight = schedule.get(stages.products).reads[-1].source
    return _Sizes(
        bands=bands,
        ins=_shape(schedule, stages.images)[3],
        groups=int(weight.shape[0]),
        band_rows=rows // (bands * outputs),
        tiles=tiles,
        points=outputs + 2,
        outputs=outputs,
        vectors=int(weight.shape[4]),
        lanes=lanes,
    )


def _shape(schedule: s_tir.Schedule, block: Block) -> list[int]:
    return [int(size) for size in schedule.get(block).writes[0].source.shape]


def _back(
    schedule: s_tir.Schedule,
    kernel: Anchored,
    stages: Stages,
    sizes: _Sizes,
    whole: bool,
    core: Core,
) -> None:
    """The transform of sums, tile by tile, and where everything else is computed; ``whole``
    bands in parallel."""
    n, o, h, w, lane = schedule.get_loops(kernel.main)
    band, row, h_in = schedule.split(h, [sizes.bands, sizes.band_rows, sizes.outputs])
    column, w_in = schedule.split(w, [None, sizes.outputs])
    group, o_in = schedule.split(o, [None, sizes.vectors])
    schedule.reorder(n, band, group, o_in, row, column, h_in, w_in, lane)
    schedule.compute_at(stages.up, column, preserve_unit_loops=True)
    schedule.compute_at(stages.products, group, preserve_unit_loops=True)
    schedule.compute_at(stages.images, band, preserve_unit_loops=True)
    schedule.parallel(schedule.fuse(n, band) if whole else group)
    keep(schedule, h_in, core)
    if core.lane_operand:
        schedule.set_scope(stages.up, 0, "local")
    schedule.unroll(w_in)
    schedule.vectorize(lane)
    schedule.reverse_compute_at(kernel.epilogue, h_in, preserve_unit_loops=True)
    row, column, lane = schedule.get_loops(kernel.epilogue)[-3:]
    few = beside(schedule, kernel.epilogue, core, sizes.outputs)
    if few < sizes.outputs:
        schedule.set_scope(kernel.main, 0, "local")
        turn, column = schedule.split(column, [None, few])
        keep(schedule, turn, core)
    unroll(schedule, (row, column))
    schedule.vectorize(lane)
    *_, i, s, lane = schedule.get_loops(stages.up)
    schedule.reorder(s, i, lane)
    schedule.unroll(i)
    schedule.vectorize(lane)


def _products(
    schedule: s_tir.Schedule, products: Block, tile: Tile, inner: Inner, core: Core
) -> None:
    *_, o, t, p, lane, ic, ii = schedule.get_loops(products)
    t, t_in = schedule.split(t, [None, tile.columns])
    ii, ii_in, in_lanes = inner.split(schedule, ii)
    sums = (*inner.order((t_in,), o), lane)
    reduced: tuple[Loop, ...] = (ic, ii)
    held = tile.columns * (tile.vectors + 1) + 2 * _ON_THEIR_WAY
    if inner.in_lanes and (extent(schedule, ic) or 1) % 2 == 0 and held <= core.registers:
        ic, turn = schedule.split(ic, [None, 2])
        schedule.unroll(turn)
        reduced = (ic, turn, ii)
    keep(schedule, reduced[0], core)
    loops = Sums((), (p, t), reduced, (ii_in,), sums, in_lanes)
    copy = schedule.cache_write(products, 0, "global")
    keep_in_registers(schedule, Anchored(None, products, copy), loops, core.lanes)


def _images(
    schedule: s_tir.Schedule,
    pad: Block | None,
    stages: Stages,
    sizes: _Sizes,
    whole: bool,
    core: Core,
) -> None:
    p, c, t, lane = schedule.get_loops(stages.images)[-4:]
    row, column = schedule.split(p, [None, sizes.points])
    tile_row, t = schedule.split(t, [sizes.band_rows, None])
    # A row of all tiles has r places where it goes, a tile r * r: more addresses than registers.
    inside = (row, t) if core.lane_operand else (t, row)
    schedule.reorder(c, tile_row, *inside, column, lane)
    keep(schedule, row, core)
    if core.lane_operand:
        schedule.set_scope(stages.down, 0, "local")
    if not whole:
        schedule.parallel(c)
    schedule.unroll(column)
    schedule.vectorize(lane)
    # Two tiles share two columns; a row of them in long vectors takes half of the L1 (measured).
    place = t if core.memory_operand else tile_row
    schedule.compute_at(stages.down, place, preserve_unit_loops=True)
    *_, i, s, lane = schedule.get_loops(stages.down)
    schedule.reorder(s, i, lane)
    schedule.unroll(i)
    schedule.vectorize(lane)
    if pad is not None:
        schedule.compute_at(pad, c, preserve_unit_loops=True)
        pad_in_vectors(schedule, pad, core)
