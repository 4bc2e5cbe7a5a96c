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
PAIRED_RAGGED = 5.0  # those where data are in general registers (measured, as is the next)
PAIRED_TURN = 4.0
PAIRED_MOST = 18  # vectors of sums and weights: of more, LLVM writes some to memory


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
    ``turns`` products of four channels, a block of which has ``inside`` a turn of its loop;
    ``paired``: weights have no sign, so that two of them are formed in a packet."""

    vectors: int
    rows: int
    columns: int
    turns: int
    inside: int
    paired: bool = False

    def fits(self, vectors: int, pixels: int) -> bool:
        """Whether sums, weights and, if they are copied, two values of data have registers."""
        taken = vectors * pixels + vectors
        return taken <= PAIRED_MOST if self.paired else taken + 2 <= REGISTERS


def dot_tile(extents: Extents) -> DotTile:
    """The tile that takes the fewest packets a sum."""
    options = [
        _tile(extents, vectors, rows, columns)
        for vectors in divisors(extents.vectors)
        for columns in divisors(extents.columns)
        for rows in (divisors(extents.rows) if columns == extents.columns else [1])
        if extents.fits(vectors, rows * columns)
    ]
    return max(options, key=lambda tile: (tile.peak, tile.vectors))


def picked_dot_tile(knobs: Knobs, extents: Extents) -> DotTile:
    """``dot_tile``, unless ``knobs`` pick another one that fits."""
    best = dot_tile(extents)
    vectors = knobs.pick(
        "vectors", [v for v in divisors(extents.vectors) if extents.fits(v, 1)], best.vectors
    )
    widths = [c for c in divisors(extents.columns) if extents.fits(vectors, c)]
    columns = knobs.pick("columns", widths, best.columns if best.columns in widths else widths[-1])
    heights = [r for r in divisors(extents.rows) if extents.fits(vectors, r * columns)]
    rows = knobs.pick("rows", heights, best.rows if best.rows in heights else 1)
    return _tile(extents, vectors, rows, columns)


def _tile(extents: Extents, vectors: int, rows: int, columns: int) -> DotTile:
    pixels = rows * columns
    sums = vectors * pixels
    ragged = vectors * rows * (columns % BYTES)
    if extents.paired:
        each = max(sums / 2, vectors) + PAIRED_TURN / extents.inside
        packets = extents.turns * each + EPILOGUE * sums + PAIRED_RAGGED * ragged
    else:
        each = sums + SPLAT * pixels + TURN / extents.inside
        packets = extents.turns * each + EPILOGUE * sums + TILE + RAGGED * ragged
    return DotTile(vectors, rows, columns, extents.turns * sums / packets)
