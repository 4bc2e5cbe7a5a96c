"""The loops inside of a tile of sums: how data reaches its multiply-adds.

before: for ii: tile                 after: for ii / 4: [data as vectors;] unrolled 4: tile
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import s_tir
from tvmedge.schedules.steps.loops import Loop, divisors

from tvmedge.scheduling.knobs import Knobs
from tvmedge.targeting.core import Core

WRITTEN_OUT = 4  # input channels: sixteen halve the speed (measured)
MOST_WRITTEN_OUT = 8


@dataclass(frozen=True)
class Inner:
    """``inputs`` channels are written out, ``in_lanes`` of vectors of data; sums go by pixel,
    each with all vectors of weights, if ``pixels_first``, else the other way."""

    inputs: int
    in_lanes: bool
    pixels_first: bool

    def split(self, schedule: s_tir.Schedule, ii: Loop) -> tuple[Loop, Loop, Loop | None]:
        """The loop over input channels in two, the inner one to write out, and the one in a turn
        of which data is loaded as vectors, if any."""
        outer, inner = schedule.split(ii, [None, self.inputs])
        return outer, inner, outer if self.in_lanes else None

    def order(self, pixels: Sequence[Loop], vectors: Loop) -> tuple[Loop, ...]:
        """The loops of the tile."""
        return (*pixels, vectors) if self.pixels_first else (vectors, *pixels)


def picked_inner(knobs: Knobs, core: Core, inputs: int | None) -> Inner:
    """For a loop over ``inputs`` channels, None for an open number."""
    steps = [d for d in divisors(inputs or 1) if d <= MOST_WRITTEN_OUT]
    step = knobs.pick("inputs", steps, max(d for d in steps if d <= WRITTEN_OUT))
    in_lanes = core.lane_operand and step == core.lanes
    if in_lanes:
        in_lanes = knobs.pick("data_in_lanes", (False, True), True)
    # A broadcast from memory is used at once; one through a register serves all vectors.
    return Inner(step, in_lanes, knobs.pick("pixels_first", (False, True), core.memory_operand))
