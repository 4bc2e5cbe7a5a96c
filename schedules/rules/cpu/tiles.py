"""How many sums a core keeps in registers: the tile of convolutions and products.

A tile multiplies V vectors of weights with T values of data into V * T vectors of
sums. Its cost in cycles a multiply-add is the largest of three: two multiply-adds
start in a cycle; two loads; a sum waits four cycles for its last multiply-add.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvmedge.schedules.steps.loops import divisors

from tvmedge.targeting.core import Core

PORTS = 2  # multiply-adds, and loads, that a core starts in a cycle
LATENCY = 4  # cycles from a multiply-add to the next on the same sum
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


def register_tile(core: Core, outs: int, rows: int, columns: int) -> Tile:
    """The best tile for ``outs`` vectors of output channels over ``rows`` x ``columns``."""
    best, least = Tile(1, 1, 1, 1 / (PORTS * LATENCY)), float("inf")
    for vectors in divisors(outs):
        for width in divisors(columns):
            for height in divisors(rows) if width == columns else [1]:
                pixels = width * height
                if not _fits(core, vectors, pixels):
                    continue
                sums = vectors * pixels
                bound = max(sums / PORTS, (vectors + pixels) / PORTS, LATENCY) / sums
                # Between equals: fewer passes over the weights, then more sums.
                cost = bound + 0.02 / pixels - 0.0005 * sums
                if cost < least:
                    best, least = Tile(vectors, height, width, 1 / (PORTS * bound)), cost
    return best


def _fits(core: Core, vectors: int, pixels: int) -> bool:
    sums = vectors * pixels
    if core.memory_operand:
        return sums <= min(MOST_SUMS, core.registers - vectors - 1)
    return sums + vectors + pixels <= core.accumulators
