"""Rules are tried in order; the first that returns a schedule wins.

A kernel that was tuned is scheduled by the rule and the decisions stored for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import tvm
from tvm import tirx
from tvm.s_tir.stmt import SBlockRealize

from tvmedge.records.types import Decision
from tvmedge.scheduling.knobs import Defaults, Fixed, Knobs, StaleDecisionError
from tvmedge.scheduling.plan import Plan
from tvmedge.scheduling.workload import hash_of
from tvmedge.targeting.core import Core

log = logging.getLogger(__name__)


class Rule(Protocol):
    """A schedule for one kind of kernel."""

    @property
    def name(self) -> str:
        """What reports call the rule."""

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """A schedule of ``func`` for ``core``, ``knobs`` deciding what the rule leaves open;
        None where the rule does not apply, which ``knobs`` do not change."""


@dataclass(frozen=True)
class Tuned:
    """How a kernel was found to be fastest: the rule and its knobs, as a record stores them, and
    the hash of the ``schedule`` that was measured, where one was kept."""

    rule: str
    decisions: Mapping[str, Decision]
    schedule: str = ""


Recall: TypeAlias = Callable[[str, tirx.PrimFunc], Tuned | None]
"""By a kernel's name and its unscheduled form: what is stored for it, if anything."""


@dataclass(frozen=True)
class Choice:
    """Why a kernel is scheduled as it is (``tile`` and ``peak`` as in ``Plan``): ``tuned`` by a
    record, or by the rule's own estimates because its record is ``refused``, which says why."""

    rule: str
    tile: str
    peak: float | None
    tuned: bool = False
    refused: str = ""


@dataclass(frozen=True)
class Scheduled:
    """A module with its kernels scheduled, and how each was."""

    module: tvm.IRModule
    choices: dict[str, Choice]


def schedule(
    module: tvm.IRModule, rules: Sequence[Rule], core: Core, recall: Recall | None = None
) -> Scheduled:
    """Schedule every TIR function of ``module`` that is not scheduled yet, as ``recall`` says
    where it knows the kernel.

    A kernel that no rule takes keeps its plain loops and is logged; a rule
    that raises is passed over with a warning that names kernel and rule.
    """
    result = module.clone()
    chosen: dict[str, Choice] = {}
    for variable, func in module.functions_items():
        if not isinstance(func, tirx.PrimFunc) or func.attrs.get("tirx.is_scheduled", False):
            continue
        kernel = variable.name_hint
        if not isinstance(func.body, SBlockRealize):
            log.info("kernel %s: code of its own, not in blocks, is left as it is", kernel)
            continue
        stored = recall(kernel, func) if recall else None
        found, refused = None, ""
        if stored is not None:
            try:
                found = stored.rule, apply_tuned(stored, rules, func, core)
            except StaleDecisionError as error:
                refused = str(error)
        tuned = found is not None
        found = found or _first(rules, kernel, func, core)
        if found is None:
            log.info("kernel %s: no rule applies, compiled as plain loops", kernel)
            continue
        rule, plan = found
        new = plan.schedule.mod["main"]
        result[variable] = new.with_attr("tirx.is_scheduled", True)
        chosen[kernel] = Choice(rule, plan.tile, plan.peak, tuned, refused)
    return Scheduled(result, chosen)


def apply_tuned(tuned: Tuned, rules: Sequence[Rule], func: tirx.PrimFunc, core: Core) -> Plan:
    """The schedule of ``func`` that ``tuned`` describes.

    Raises:
        StaleDecisionError: its rule, one of its decisions or that decision's option is gone,
            the rule fails with it, or what it gives now was never measured.
    """
    rule = next((rule for rule in rules if rule.name == tuned.rule), None)
    if rule is None:
        raise StaleDecisionError(f"there is no rule {tuned.rule}")
    knobs = Fixed(tuned.decisions)
    try:
        plan = rule.apply(func, core, knobs)
    except StaleDecisionError:
        raise
    except Exception as error:
        raise StaleDecisionError(f"rule {rule.name} fails with it: {_first_line(error)}") from error
    if plan is None:
        raise StaleDecisionError(f"rule {rule.name} no longer takes the kernel")
    knobs.require_used()
    if tuned.schedule and hash_of(plan.schedule.mod["main"]) != tuned.schedule:
        raise StaleDecisionError(f"rule {rule.name} makes another schedule of it now")
    return plan


def _first(
    rules: Sequence[Rule], kernel: str, func: tirx.PrimFunc, core: Core
) -> tuple[str, Plan] | None:
    """The first rule that takes ``func``, and its plan."""
    for rule in rules:
        try:
            plan = rule.apply(func, core, Defaults())
        except Exception as error:
            log.warning("kernel %s: rule %s failed: %s", kernel, rule.name, _first_line(error))
            continue
        if plan is not None:
            return rule.name, plan
    return None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]
