"""How many sums a core keeps in registers: the tile of convolutions and products.

A tile multiplies V vectors of weights with T values of data into V * T vectors of
sums. Its cost in cycles a multiply-add is the largest of three: two multiply-adds
start in a cycle, or one; two loads; a sum waits four cycles for its last multiply-add. Tiles
that hang over the edge pay for what they compute there, and those too few to share among
the cores for the cores that wait.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import tvm
from tvmedge.schedules.rules.cpu import single
from tvmedge.schedules.steps.loops import divisors

from tvmedge.scheduling.knobs import Knobs
from tvmedge.targeting.core import Core

Size: TypeAlias = int | tvm.ir.Expr

PORTS = 2  # loads that a core starts in a cycle, and mostly multiply-adds
LATENCY = 4  # cycles from a multiply-add to the next on the same sum
INSTRUCTION = 0.25  # cycles that one more costs a core that starts two or three of them in one
SHORT_ROW = 3  # taps that are written out: what one reads, others read too
SMALL_ROW = 7  # where they read a few vectors together
LOOP = 4  # instructions: two addresses, a counter, a jump
SPILL = 3  # instructions: stored, and loaded for about two uses
WRITTEN_OUT = 300  # LLVM writes out loops of fewer instructions
OPEN_ROWS = 64  # tiles of an open number of rows are chosen for so many
OPEN_COLUMNS = 32  # an open number of columns is rounded up to a multiple of it
FILL = (
    0.75  # cycles in which a vector of weights on its way to the L1 keeps loads waiting (measured)
)
ALONE = 0.06  # cycles more that a load takes which one multiply-add has for itself (measured)
GUARD = 10  # cycles to see whether a sum is inside, and to store it for that (measured)
WAITED_FOR = 0.2  # of the loads that an item of a GPU could overlap with its multiply-adds
GUARD_BY_LANE = 1  # the same where what hangs over are vectors of channels (counted on NEON)
ROOMY = 14  # sums beside which what is done to them in the end has registers of its own
CROWDED = 8  # cycles for each sum more (measured on AVX-512)
APART = 0.04  # cycles a multiply-add that tiles of parts of several rows have to win, to be taken
WORTH_WAKING = 100_000  # operations, about as many cycles, for which threads are woken: 30 us
MOST_SUMS = 28  # measured on AVX-512: more sums are slower although registers are left


@dataclass(frozen=True)
class Tile:
    """``vectors`` of output channels by ``rows`` x ``columns`` of pixels; ``peak`` is
    the share of the core's multiply-add rate expected."""

    vectors: int
    rows: int
    columns: int
    peak: float

    def __str__(self) -> str:
        return f"{self.vectors} vectors x {self.rows}x{self.columns}"

    @property
    def sizes(self) -> tuple[int, int, int]:
        """``vectors``, ``rows``, ``columns``."""
        return self.vectors, self.rows, self.columns

    def share(self, outs: int, rows: int, columns: int) -> float:
        """Of what whole tiles compute, how much is of the result."""
        height, width = self.cover(rows, columns)
        blocks = -(-outs // self.vectors) * self.vectors
        return float(outs * rows * columns / (blocks * height * width))

    def pixels(self, rows: int, columns: int) -> int:
        """How many tiles cover an image."""
        return -(-rows // self.rows) * -(-columns // self.columns)

    def cover(self, rows: Size, columns: Size) -> tuple[Any, Any]:
        """``rows`` and ``columns``, numbers or expressions, rounded up to whole tiles."""
        return _whole(rows, self.rows), _whole(columns, self.columns)


@dataclass(frozen=True)
class Row:
    """What a row of sums reads in one turn of the loop where data is loaded as vectors:
    ``taps`` that are written out, from pixels ``stride`` apart. ``planar``: a vector is a
    row's next pixels, and not the channels of one."""

    taps: int = 1
    stride: int = 1
    planar: bool = False

    def vectors(self, pixels: int, lanes: int) -> int:
        """Of data, for a row of so many sums."""
        if not self.planar and self.stride >= self.taps:
            return pixels * self.taps
        read = (pixels - 1) * self.stride + self.taps
        return -(-read // lanes) if self.planar else read

    @property
    def paired(self) -> bool:
        """Whether vectors lie side by side, so that one load takes two."""
        return self.planar or self.stride <= self.taps


ONE_TAP = Row()


def row_of(core: Core, taps: int, moves: tuple[int, int], step: int) -> Row:
    """The row of a convolution's window of ``taps`` columns, which ``moves`` by a stride and
    has a dilation, over data of which ``step`` channels lie side by side."""
    stride, dilation = moves
    if core.lane_operand and step == 1 and taps <= SMALL_ROW:
        return Row(taps, stride, planar=True)
    if core.lane_operand and step == core.lanes and taps <= SHORT_ROW and dilation == 1:
        return Row(taps, stride)
    return Row(1, stride)


@dataclass(frozen=True)
class Room:
    """Which tiles may hang over the edge: those of ``pixels``, those of ``vectors``; each
    sum is of ``products``, 0 for more than matter, and reads a ``row`` at a time. Cores share
    the rows of tiles of so many ``images``, 0 where one core runs all of them. So many registers
    are ``held`` by what stays the same from tile to tile. ``fused`` multiply-adds start in a
    cycle: one where a tile is to go by that (single.py)."""

    pixels: bool = False
    vectors: bool = False
    products: int = 0
    images: int = 0
    row: Row = ONE_TAP
    held: int = 0
    fused: int = PORTS


EXACT = Room()


def register_tile(core: Core, outs: int, rows: int, columns: int, room: Room = EXACT) -> Tile:
    """The best tile for ``outs`` vectors of output channels over ``rows`` x ``columns``."""
    best = min(_costs(core, outs, rows, columns, room), key=_first, default=None)
    return Tile(1, 1, 1, 0.0) if best is None else best[1]


def tiles_by_cost(
    core: Core, outs: int, rows: int, columns: int, room: Room
) -> list[tuple[float, Tile]]:
    """All that fit, the best first, with what ``register_tile`` goes by."""
    found = sorted(_costs(core, outs, rows, columns, room), key=_first)
    return found or [(math.inf, Tile(1, 1, 1, 0.0))]


def _first(pair: tuple[float, Tile]) -> float:
    return pair[0]


def _costs(
    core: Core, outs: int, rows: int, columns: int, room: Room
) -> Iterator[tuple[float, Tile]]:
    heights, widths = _steps(rows, room.pixels), _steps(columns, room.pixels)
    shared = room.images * outs * rows * columns * room.products >= WORTH_WAKING
    for vectors in _steps(outs, room.vectors):
        for width in widths:
            for height in heights if width == columns or core.memory_operand else [1]:
                if not fits(core, vectors, width, height, room):
                    break
                if _crowded(core, vectors, width * height, room.products):
                    continue
                tile = Tile(vectors, height, width, 0.0)
                sums = vectors * width * height
                bound = _bound(core, vectors, width * height, room.fused)
                share = tile.share(outs, rows, columns)
                bound /= share
                if _asked(core, tile, outs, rows, columns) and room.products:
                    bound += _guard(core) / room.products
                # Between equals: fewer passes over the weights, then more sums.
                cost = bound + 0.02 / (width * height) - 0.0005 * sums
                cost += _code(core, vectors, height, width, room)
                cost += APART if height > 1 and width < columns else 0
                if core.items:
                    cost *= idle(
                        core, room.images * -(-outs // vectors) * tile.pixels(rows, columns)
                    )
                elif shared:
                    cost *= waiting(core, room.images * -(-outs // vectors) * -(-rows // height))
                yield cost, replace(tile, peak=_peak(core, bound))


def idle(core: Core, items: int) -> float:
    """What it costs that a GPU has fewer ``items`` than keep it busy: half of what it would if
    an item could not overlap its own loads and multiply-adds."""
    return float(max(1.0, math.sqrt(core.cores * core.items / max(items, 1))))


def waiting(core: Core, tasks: int) -> float:
    """What cores without one of ``tasks`` of equal length cost: the geometric mean of a run on
    one core, which waits for nobody, and one on all."""
    return float(math.sqrt(-(-tasks // core.cores) * core.cores / tasks))


def image_tile(
    core: Core, outs: int, rows: int | None, columns: int | None, room: Room = EXACT
) -> Tile:
    """``register_tile``; None stands for an open number."""
    if columns is None:  # the same tile for what is packed and what is scheduled
        return register_tile(core, outs, 1, OPEN_ROWS, replace(room, pixels=True))
    return register_tile(core, outs, rows or 1, columns, room)


def picked_tile(
    knobs: Knobs, core: Core, tile: Tile, outs: int, rows: int | None, columns: int | None
) -> Tile:
    """``tile``, unless ``knobs`` pick another that covers ``outs``, ``rows``, ``columns`` exactly.

    Axes of open size keep theirs. Tiles of a few sums more than are estimated to fit are among
    the options: compilers may do better than that.
    """
    most = core.registers
    vectors = knobs.pick("vectors", _exactly(outs, tile.vectors, most), tile.vectors)
    most //= vectors
    same = vectors == tile.vectors
    width = tile.columns
    if columns is not None:
        options = _exactly(columns, tile.columns if same else 1, most)
        width = knobs.pick("columns", options, tile.columns if same else options[-1])
    most //= width
    same = same and width == tile.columns
    height = tile.rows
    if rows is not None:
        options = _exactly(rows, tile.rows if same else 1, most)
        height = knobs.pick("rows", options, tile.rows if same else 1)
    if same and height == tile.rows:
        return tile
    return Tile(vectors, height, width, _peak(core, _bound(core, vectors, width * height)))


def _exactly(size: int, default: int, most: int) -> list[int]:
    """Divisors of ``size`` up to ``most``, and ``default``."""
    return sorted({default, *(d for d in divisors(size) if d <= most)})


def _bound(core: Core, vectors: int, pixels: int, fused: int = PORTS) -> float:
    """Cycles of a tile for each multiply-add, where nothing hangs over the edge."""
    sums = vectors * pixels
    loads = (vectors + pixels) / PORTS
    if core.items:  # a vector of weights or data serves four multiply-adds; others hide most waits
        return (max(sums / PORTS, loads) + WAITED_FOR * loads) / sums
    if core.memory_operand:  # each multiply-add loads, which those of weights then wait for
        loads += FILL * vectors + (ALONE * pixels if vectors == 1 else 0)
    return max(sums / fused, loads, LATENCY) / sums


def _peak(core: Core, bound: float) -> float:
    """The share of the core's multiply-adds that one in ``bound`` cycles is."""
    return min(1.0, 1 / (core.fused * bound))


def window_width(core: Core) -> int:
    """Vectors of sums over a row of open length."""
    return 8 if core.memory_operand else 4


def product_tile(core: Core, blocks: int | None, rows: int | None, *, ragged: bool = False) -> Tile:
    """``register_tile`` of a product; None stands for an open number."""
    if blocks is None:
        blocks = max(1, OPEN_COLUMNS // core.block)
    room = Room(pixels=ragged or rows is None, images=1)
    return register_tile(core, blocks, 1, rows or OPEN_ROWS, room)


def written_out(core: Core, vectors: int, pixels: int, reduced: int) -> bool:
    """Whether sums of ``reduced`` products are so short that LLVM writes them out."""
    instructions = reduced * (vectors * pixels + vectors + pixels / core.lanes)
    return 0 < instructions < WRITTEN_OUT


def _crowded(core: Core, vectors: int, pixels: int, reduced: int) -> bool:
    """Whether a tile of short sums leaves no register to what is done to them in the end."""
    short = core.lane_operand and written_out(core, vectors, pixels, reduced)
    return short and vectors * pixels + vectors + pixels > core.accumulators


def overflows(core: Core, tile: Tile, room: Room) -> bool:
    """Whether LLVM writes the sums of ``tile`` out and then keeps all of their weights from tile to
    tile, which are more than a core has registers for beside sums, data and biases."""
    pixels = tile.rows * tile.columns
    if not core.lane_operand or not written_out(core, tile.vectors, pixels, room.products):
        return False
    data = tile.rows * room.row.vectors(tile.columns, core.lanes)
    held = tile.vectors * (pixels + room.products + 1)
    return held + data > core.accumulators


def _asked(core: Core, tile: Tile, outs: int, rows: int, columns: int) -> bool:
    """Whether every sum of ``tile`` is asked for whether it is inside: where pixels hang over, and
    on NEON and GPUs where vectors do (else that is one question a vector)."""
    pixels = tile.cover(rows, columns) != (rows, columns)
    each = core.lane_operand or core.items > 0
    return pixels or (each and outs % tile.vectors > 0)


def _guard(core: Core) -> int:
    return GUARD_BY_LANE if core.lane_operand else GUARD


def _code(core: Core, vectors: int, height: int, width: int, room: Room) -> float:
    """What instructions other than multiply-adds cost: loads by two vectors; the loop; and
    what LLVM spills when it writes a short sum out and keeps all of its weights. Where a
    load is part of the multiply-add, only what the end of a short sum spills matters."""
    pixels = height * width
    sums, reduced = vectors * pixels, room.products
    if room.fused == 1 and reduced:
        return float(single.other_costs(sums, pixels, reduced))
    if core.memory_operand and reduced:
        return CROWDED * max(0, sums - ROOMY) / (sums * reduced)
    if not core.lane_operand:
        return 0.0
    turn = room.row.taps * (1 if room.row.planar else core.lanes)  # products of a sum
    data = height * room.row.vectors(width, core.lanes) / (2 if room.row.paired else 1)
    if reduced % core.lanes and not room.row.planar:
        data = pixels * turn  # by scalars
    spilled = 0
    if written_out(core, vectors, pixels, reduced):
        spilled = max(0, sums + pixels + reduced * vectors - core.accumulators)
    others = (-(-vectors * turn // 2) + data + LOOP) / turn + SPILL * spilled / max(reduced, 1)
    return INSTRUCTION * others / sums


def _whole(size: Size, tile: int) -> Any:
    return size if tile == 1 else (size + (tile - 1)) // tile * tile


def _steps(size: int, ragged: bool) -> list[int]:
    return list(range(1, size + 1)) if ragged else divisors(size)


def fits(core: Core, vectors: int, width: int, height: int = 1, room: Room = EXACT) -> bool:
    """Whether a core has the registers for a tile of so many pixels."""
    sums = vectors * height * width
    if core.memory_operand:
        return sums <= min(MOST_SUMS, core.registers - vectors - 1)
    if core.lane_operand:  # weights pass through two or three, whatever their number
        data = height * room.row.vectors(width, core.lanes)
        spare = 2 if room.row.taps > 1 else 3
        return sums + data + spare + room.held <= core.registers
    return sums + vectors + height * width <= core.accumulators
