"""How a step of a recurrent layer is cut: what stays in registers, what runs together.

Units come in blocks of ``LANES``, whatever the core, so that weights are packed when a
model is imported. A tile is ``blocks`` of them with all their gates, for ``rows`` of the
batch: one pass over the weights' block feeds every gate, and the cell follows while the
sums are near.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

LANES = 16


class Share(Enum):
    """What threads share: the rows and directions, each its sequences from end to end, or
    the units of every step, each the weights of its own."""

    ROWS = "rows"
    UNITS = "units"


@dataclass(frozen=True)
class Tile:
    """``lanes`` units of each block at a time. ``together`` rows of the batch pass through
    time side by side. ``there_and_back``: every other step takes the blocks in reverse, so
    that it starts with weights that the step before left in the cache."""

    blocks: int = 1
    rows: int = 1
    lanes: int = LANES
    together: int = 1
    share: Share = Share.ROWS
    ways: int = 1
    there_and_back: bool = False

    def __str__(self) -> str:
        shared = f", {self.ways} shares of a step" if self.share is Share.UNITS else ""
        return f"{self.blocks} blocks of {self.lanes} x {self.rows} rows{shared}"


PLAIN = Tile()


def blocks_of(hidden: int) -> int:
    """Blocks of ``hidden`` units, the last one filled up with zeros."""
    return -(-hidden // LANES)
