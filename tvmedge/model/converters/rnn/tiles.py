"""How the rows of a recurrent matrix are cut for the product h * R^T.

before: R      [rows, hidden]
after:  packed [tiles, hidden, width]     zero rows fill the last tile

The kernel keeps one tile of sums in registers and reads its part of the matrix
from first to last. Of the widths that leave independent sums enough to hide an
addition's latency, and fit the registers of AVX2 and NEON, the one that pads
least.
"""

from __future__ import annotations

from dataclasses import dataclass

LANES = 16
WIDEST, NARROWEST, PREFERRED = 6, 3, 4


@dataclass(frozen=True)
class Tiles:
    """``count`` tiles of ``groups`` vectors of ``LANES`` rows."""

    rows: int
    count: int
    groups: int

    @property
    def width(self) -> int:
        return self.groups * LANES

    @property
    def padded(self) -> int:
        return self.count * self.width


def tiles(rows: int) -> Tiles:
    """The tiles of a matrix of ``rows`` rows."""
    vectors = -(-rows // LANES)
    if vectors <= WIDEST:
        return Tiles(rows, 1, vectors)
    sizes = range(NARROWEST, WIDEST + 1)
    groups = min(sizes, key=lambda size: (-(-vectors // size) * size, abs(size - PREFERRED)))
    return Tiles(rows, -(-vectors // groups), groups)
