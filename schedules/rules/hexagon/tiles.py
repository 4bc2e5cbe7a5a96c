"""How many sums of products of bytes HVX keeps in registers.

A tile multiplies V vectors of weights with T values of data (four neighbouring channels each)
into V * T vectors of sums. Of a turn over those, what counts is packets: one for each vrmpy of two
vectors, which takes both multipliers; one for two values of data that are copied into all lanes.
Loads go with them. To see in which packets instructions go, `llvm-mc -arch=hexagon` refuses
those that have no room for them.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvmedge.schedules.rules.hexagon.intrinsics import REGISTERS
from tvmedge.schedules.steps.loops import divisors

from tvmedge.scheduling.knobs import Knobs

SPLAT = 0.5  # packets to copy a value of data into all lanes
EPILOGUE = 4.0  # packets to make bytes of a vector of sums (measured)
TILE = 16.0  # packets to begin and end a tile
TURN = 2.0  # packets of a turn of the loop over a block of channels
BYTES = 4  # vectors of sums that become one of bytes
RAGGED = 19.0  # packets to store the bytes of one pixel (measured)


@dataclass(frozen=True)
class DotTile:
    """``vectors`` of output channels by ``rows`` x ``columns`` of pixels; ``peak`` is the share of
    one vrmpy a packet that is expected."""

    vectors: int
    rows: int
    columns: int
    peak: float

    def __str__(self) -> str:
        return f"{self.vectors} vectors x {self.rows}x{self.columns}"


@dataclass(frozen=True)
class Extents:
    """What a tile divides: vectors of output channels, rows and columns of pixels. A sum is of
    ``turns`` products of four channels, a block of which has ``inside`` a turn of its loop."""

    vectors: int
    rows: int
    columns: int
    turns: int
    inside: int


def dot_tile(extents: Extents) -> DotTile:
    """The tile that takes the fewest packets a sum."""
    options = [
        _tile(extents, vectors, rows, columns)
        for vectors in divisors(extents.vectors)
        for columns in divisors(extents.columns)
        for rows in (divisors(extents.rows) if columns == extents.columns else [1])
        if fits(vectors, rows * columns)
    ]
    return max(options, key=lambda tile: (tile.peak, tile.vectors))


def picked_dot_tile(knobs: Knobs, extents: Extents) -> DotTile:
    """``dot_tile``, unless ``knobs`` pick another one that fits."""
    best = dot_tile(extents)
    vectors = knobs.pick(
        "vectors", [v for v in divisors(extents.vectors) if fits(v, 1)], best.vectors
    )
    widths = [c for c in divisors(extents.columns) if fits(vectors, c)]
    columns = knobs.pick("columns", widths, best.columns if best.columns in widths else widths[-1])
    heights = [r for r in divisors(extents.rows) if fits(vectors, r * columns)]
    rows = knobs.pick("rows", heights, best.rows if best.rows in heights else 1)
    return _tile(extents, vectors, rows, columns)


def fits(vectors: int, pixels: int) -> bool:
    """Whether sums, weights and two values of data have registers."""
    return bool(vectors * pixels + vectors + 2 <= REGISTERS)


def _tile(extents: Extents, vectors: int, rows: int, columns: int) -> DotTile:
    pixels = rows * columns
    sums = vectors * pixels
    packets = extents.turns * (sums + SPLAT * pixels + TURN / extents.inside)
    packets += EPILOGUE * sums + TILE
    packets += RAGGED * vectors * rows * (columns % BYTES)
    return DotTile(vectors, rows, columns, extents.turns * sums / packets)
