"""Give every kernel a schedule by the rules of its processor.

before: kernels as plain loops
after:  kernels in the shape that ``schedules/rules`` gives them
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import tvm

from tvmedge.compiler.passes.fit_recurrent import fit_recurrent
from tvmedge.schedules.rules.choose import cpu_rules
from tvmedge.scheduling.engine import Choice, Recall, Rule, Scheduled, schedule
from tvmedge.targeting import target
from tvmedge.targeting.core import Core, DotKind, core_of

Explain = Callable[[Mapping[str, Choice]], object]
Verify = Callable[[tvm.IRModule, Scheduled], object]


@dataclass(frozen=True)
class ScheduleKernels:
    """Applies ``rules``, those of its kind of CPU by default, for ``core``; ``explain`` is told the
    choice made for each kernel, ``verify`` is given the module before and after, ``recall``
    knows kernels that were tuned."""

    core: Core
    explain: Explain | None = None
    verify: Verify | None = None
    rules: Sequence[Rule] | None = None
    recall: Recall | None = None

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        scheduled = self._scheduled(module, self.core)
        if self.explain:
            self.explain(scheduled.choices)
        if self.verify:
            here = _as_here(self.core)
            same = here == self.core
            self.verify(module, scheduled if same else self._scheduled(module, here))
        return scheduled.module

    def _scheduled(self, module: tvm.IRModule, core: Core) -> Scheduled:
        rules = cpu_rules(core) if self.rules is None else self.rules
        return fit_recurrent(schedule(module, rules, core, self.recall), core)


def _as_here(core: Core) -> Core:
    """``core`` whose products of integers are written out where this machine lacks its
    instruction for them."""
    unit, ours = core.integer, core_of(target("host")).integer
    if unit is None or unit.kind is DotKind.VRMPY or (ours and ours.kind is unit.kind):
        return core
    return replace(core, integer=replace(unit, kind=DotKind.WRITTEN_OUT))
