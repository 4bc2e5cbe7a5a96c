"""Records of a model's kernels as a tuner would store them, without its measurements."""

from __future__ import annotations

from pathlib import Path

import tvm
from tvmedge.schedules.rules.cpu import RULES

from tvmedge.compiler.pipelines import run_phases, unscheduled_kernels
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.records.types import Decision, Record, Status
from tvmedge.scheduling.engine import Tuned, apply_tuned
from tvmedge.scheduling.knobs import Defaults, StaleDecisionError, Tracing
from tvmedge.scheduling.workload import hash_of, key_of
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of


def varied(model: Path, target_name: str, cost: str = "wall-time local") -> list[Record]:
    """For each kernel that leaves its rule a choice: a record that differs from the default."""
    spec = target(target_name)
    core = core_of(spec)
    imported = import_model(load(model), {})
    with tvm.target.Target(dict(spec.tvm)), tvm.transform.PassContext(opt_level=3):
        module = run_phases(unscheduled_kernels(core), imported.module)
    records = []
    for variable, func in module.functions_items():
        if not isinstance(func, tvm.tirx.PrimFunc):
            continue
        for rule in RULES:
            knobs = Tracing(Defaults())
            if rule.apply(func, core, knobs) is not None:
                break
        for asked in knobs.asked:
            other = next(option for option in asked.options if option != asked.default)
            decisions: dict[str, Decision] = {asked.name: other}
            try:
                plan = apply_tuned(Tuned(rule.name, decisions), RULES, func, core)
            except StaleDecisionError:
                continue  # it changes what is asked after it
            made = hash_of(plan.schedule.mod["main"])
            key = key_of(func, spec, cost)
            name, pairs = variable.name_hint, tuple(decisions.items())
            records.append(
                Record(key, name, rule.name, pairs, Status.MEASURED, 1e-3, "s", 0.0, "", made)
            )
            break
    return records
