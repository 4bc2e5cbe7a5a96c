"""Rules are tried in order; the first that returns a schedule wins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import tvm
from tvm import s_tir, tirx

log = logging.getLogger(__name__)


class Rule(Protocol):
    """A schedule for one kind of kernel."""

    @property
    def name(self) -> str:
        """What reports call the rule."""

    def apply(self, func: tirx.PrimFunc) -> s_tir.Schedule | None:
        """A schedule of ``func``, or None where the rule does not apply."""


@dataclass(frozen=True)
class Scheduled:
    """A module with its kernels scheduled, and by which rule each was."""

    module: tvm.IRModule
    rules: dict[str, str]


def schedule(module: tvm.IRModule, rules: Sequence[Rule]) -> Scheduled:
    """Schedule every TIR function of ``module`` that is not scheduled yet.

    A kernel that no rule takes keeps its plain loops and is logged; a rule
    that raises is passed over with a warning that names kernel and rule.
    """
    result = tvm.IRModule(dict(module.functions.items()), attrs=module.attrs)
    chosen: dict[str, str] = {}
    for variable, func in module.functions_items():
        if not isinstance(func, tirx.PrimFunc) or func.attrs.get("tirx.is_scheduled", False):
            continue
        kernel = variable.name_hint
        for rule in rules:
            new = _apply(rule, kernel, func)
            if new is not None:
                result[variable] = new.with_attr("tirx.is_scheduled", True)
                chosen[kernel] = rule.name
                break
        else:
            log.info("kernel %s: no rule applies, compiled as plain loops", kernel)
    return Scheduled(result, chosen)


def _apply(rule: Rule, kernel: str, func: tirx.PrimFunc) -> tirx.PrimFunc | None:
    try:
        new = rule.apply(func)
        return None if new is None else new.mod["main"]
    except Exception as error:
        log.warning("kernel %s: rule %s failed: %s", kernel, rule.name, str(error).splitlines()[0])
        return None
