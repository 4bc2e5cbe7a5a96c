"""Which rules a core's kernels are scheduled by."""

from __future__ import annotations

from collections.abc import Sequence

from tvmedge.schedules.rules.cpu import RULES as CPU_RULES
from tvmedge.schedules.rules.hexagon import RULES as HEXAGON_RULES

from tvmedge.scheduling.engine import Rule
from tvmedge.targeting.core import Core, DotKind


def cpu_rules(core: Core) -> Sequence[Rule]:
    """Those of processors: those for HVX come first where there is one."""
    has_hvx = core.integer is not None and core.integer.kind is DotKind.VRMPY
    return (*HEXAGON_RULES, *CPU_RULES) if has_hvx else CPU_RULES
