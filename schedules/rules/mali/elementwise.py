"""Elementwise kernels, resizes and moves between layouts: an item for four elements side by side.

before: for n, c, h, w: t = x * scale;  for n, c, h, w: y = max(t, 0)
after:  items (n, c, h, w / 4): y = max(vector of four of x * scale, 0)
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.rules.mali.last import Last
from tvmedge.schedules.steps.blocks import blocks
from tvmedge.schedules.steps.elementwise import reduces

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core


class Elementwise:
    """Each element from elements."""

    name = "elementwise"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None where anything is summed up."""
        schedule = s_tir.Schedule(func)
        if any(reduces(schedule.get(block)) for block in blocks(schedule)):
            return None
        plan: Plan | None = Last().apply(func, core, knobs)
        return plan
