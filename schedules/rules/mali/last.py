"""The last rule of GPUs: an item for each element, or for four that lie side by side.

before: for n, c, h, w: max = ...;  for n, c, h, w: y = x - max
after:  kernel 1: items (n, c, h, w): max = 0; for k: ...
        kernel 2: items (n, c, h, w / 4): y = vector of four
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.steps.blocks import blocks
from tvmedge.schedules.steps.elementwise import inline
from tvmedge.schedules.steps.items import spread_items

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

GROUPS = (16, 32, 64, 128, 256)


class Last:
    """Every block a kernel of its own."""

    name = "last"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """A schedule of any kernel of blocks."""
        schedule = s_tir.Schedule(func)
        group = knobs.pick("group", GROUPS, 64)
        knobs.settle()
        for block in blocks(schedule):
            inline(schedule, block)
        for block in blocks(schedule):
            spread_items(schedule, block, core.lanes, group)
        return Plan(schedule, f"groups of {group}")
