"""Give every kernel a schedule by the rules of its processor.

before: kernels as plain loops
after:  kernels in the shape that ``schedules/rules`` gives them
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import tvm

from tvmedge.compiler.passes.fit_recurrent import fit_recurrent
from tvmedge.schedules.rules.choose import cpu_rules
from tvmedge.scheduling.engine import Choice, Recall, Rule, Scheduled, schedule
from tvmedge.targeting.core import Core

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
        rules = cpu_rules(self.core) if self.rules is None else self.rules
        scheduled = schedule(module, rules, self.core, self.recall)
        scheduled = fit_recurrent(scheduled, self.core)
        if self.explain:
            self.explain(scheduled.choices)
        if self.verify:
            self.verify(module, scheduled)
        return scheduled.module
