"""Rules are tried in order; the first that returns a schedule wins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import tvm
from tvm import tirx
from tvm.s_tir.stmt import SBlockRealize

from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

log = logging.getLogger(__name__)


class Rule(Protocol):
    """A schedule for one kind of kernel."""

    @property
    def name(self) -> str:
        """What reports call the rule."""

    def apply(self, func: tirx.PrimFunc, core: Core) -> Plan | None:
        """A schedule of ``func`` for ``core``, or None where the rule does not apply."""


@dataclass(frozen=True)
class Choice:
    """Why a kernel is scheduled as it is (``tile`` and ``peak`` as in ``Plan``)."""

    rule: str
    tile: str
    peak: float | None


@dataclass(frozen=True)
class Scheduled:
    """A module with its kernels scheduled, and how each was."""

    module: tvm.IRModule
    choices: dict[str, Choice]


def schedule(module: tvm.IRModule, rules: Sequence[Rule], core: Core) -> Scheduled:
    """Schedule every TIR function of ``module`` that is not scheduled yet.

    A kernel that no rule takes keeps its plain loops and is logged; a rule
    that raises is passed over with a warning that names kernel and rule.
    """
    result = tvm.IRModule(dict(module.functions.items()), attrs=module.attrs)
    chosen: dict[str, Choice] = {}
    for variable, func in module.functions_items():
        if not isinstance(func, tirx.PrimFunc) or func.attrs.get("tirx.is_scheduled", False):
            continue
        kernel = variable.name_hint
        if not isinstance(func.body, SBlockRealize):
            log.info("kernel %s: code of its own, not in blocks, is left as it is", kernel)
            continue
        for rule in rules:
            plan = _apply(rule, kernel, func, core)
            if plan is not None:
                new = plan.schedule.mod["main"]
                result[variable] = new.with_attr("tirx.is_scheduled", True)
                chosen[kernel] = Choice(rule.name, plan.tile, plan.peak)
                break
        else:
            log.info("kernel %s: no rule applies, compiled as plain loops", kernel)
    return Scheduled(result, chosen)


def _apply(rule: Rule, kernel: str, func: tirx.PrimFunc, core: Core) -> Plan | None:
    try:
        return rule.apply(func, core)
    except Exception as error:
        log.warning(
            "kernel %s: rule %s failed: %s",
            kernel,
            rule.name,
            (str(error).strip() or repr(error)).splitlines()[0],
        )
        return None
