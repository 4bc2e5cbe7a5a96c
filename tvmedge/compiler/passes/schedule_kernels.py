"""Give every kernel a schedule by the rules of its processor.

before: kernels as plain loops
after:  kernels in the shape that ``schedules/rules`` gives them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tvm

from tvmedge.schedules.rules.cpu import RULES
from tvmedge.scheduling.engine import Rule, schedule
from tvmedge.targeting.core import Core


@dataclass(frozen=True)
class ScheduleKernels:
    """Applies ``rules``, the CPU's by default, for ``core``."""

    core: Core
    rules: Sequence[Rule] = RULES

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        return schedule(module, self.rules, self.core).module
