"""Which tiles sums are covered with where none fits: what hangs over the edge, and how many vectors
of weights lie side by side, is decided before a kernel is scheduled.

before: sums over 13 x 13 pixels
after:  sums over 13 x 14 by tiles of 7, or over 15 x 15 by tiles of 5, or exactly by tiles of 13
"""

from __future__ import annotations

from dataclasses import dataclass

from tvmedge.schedules.rules.cpu.tiles import Room, Tile, tiles_by_cost

from tvmedge.scheduling.knobs import Knobs
from tvmedge.targeting.core import Core

LIKELY = 2  # others that are worth measuring
NEAR = 1.15  # of the least cost, by estimate


@dataclass(frozen=True)
class Sums:
    """``outs`` vectors of channels over ``rows`` x ``columns``, each of ``depth`` products;
    ``room`` as for ``register_tile``."""

    outs: int
    rows: int
    columns: int
    depth: int
    room: Room

    def __str__(self) -> str:
        room = self.room
        over = f"{' pixels' if room.pixels else ''}{' vectors' if room.vectors else ''}"
        return (
            f"{self.outs} vectors over {self.rows}x{self.columns}, {self.depth} deep, "
            f"{room.images} images, rows of {room.row.taps} by {room.row.stride}"
            f"{', planar' if room.row.planar else ''}{f', with{over} to spare' if over else ''}"
        )


@dataclass(frozen=True)
class Covered:
    """The ``question`` that was asked, empty where there was no choice, and the answer."""

    question: str
    tile: Tile


def covered(core: Core, sums: Sums, knobs: Knobs) -> Covered:
    """The tile for ``sums``: the best by estimate, unless ``knobs``, which may be asked the same of
    several kernels, pick one that covers more or less, or wants other weights side by side."""
    ranked = tiles_by_cost(core, sums.outs, sums.rows, sums.columns, sums.room)
    (least, best), *others = ranked
    different = {_kind(core, best, sums): best}
    for cost, tile in others:
        if cost > NEAR * least or len(different) > LIKELY:
            break
        different.setdefault(_kind(core, tile, sums), tile)
    if len(different) == 1:
        return Covered("", best)
    options = {str(tile): tile for tile in different.values()}
    question = f"tile of {sums}"
    return Covered(question, options[knobs.pick(question, tuple(options), str(best))])


def _kind(core: Core, tile: Tile, sums: Sums) -> tuple[int, ...]:
    """What differs between tiles before a rule is asked: it may pick others that fit this."""
    height, width = tile.cover(sums.rows, sums.columns)
    beside = tile.vectors if core.lane_operand else 0
    return (-(-sums.outs // tile.vectors) * tile.vectors, height, width, beside)
