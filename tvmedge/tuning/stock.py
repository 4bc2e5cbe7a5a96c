"""TVM's own search over TVM's own space, for comparison: MetaSchedule with its workers repaired.

Its builder restarts its processes with every batch, and each of them imports tensor intrinsics
for longer than it may take. Here they compile and nothing else, and may take two minutes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
from tvm import tirx
from tvm.ir.utils import derived_object
from tvm.s_tir import meta_schedule as ms

from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.build import Job, as_text, compiled, scheduled_kernel
from tvmedge.tuning.costs.source import CandidateError, CostSource
from tvmedge.tuning.space import Space
from tvmedge.tuning.tasks import Task

log = logging.getLogger(__name__)

_BUILD = "tvmedge.stock_build"
_EXPORT = "tvmedge.stock_export"
_TIMEOUT_S = 120.0
_BATCH = 16


@dataclass(frozen=True)
class StockTrial:
    """A candidate: its ``cost`` in seconds as MetaSchedule measured it, None if it failed, and
    ``seconds`` since the search began."""

    seconds: float
    cost: float | None
    scheduled: tirx.PrimFunc


def tune_stock(
    func: tirx.PrimFunc, spec: TargetSpec, trials: int, seed: int, timeout_s: float = _TIMEOUT_S
) -> list[StockTrial]:
    """Search schedules of an unscheduled kernel for one thread of this machine; a build or a
    measurement may take ``timeout_s``. What was tried until then where a schedule of its own
    makes MetaSchedule give up, which is said."""
    found: list[StockTrial] = []
    began = time.monotonic()

    @derived_object
    class Collect(ms.measure_callback.PyMeasureCallback):  # type: ignore[misc]
        def apply(self, scheduler: Any, task: int, candidates: Any, _: Any, results: Any) -> None:
            for candidate, result in zip(candidates, results, strict=True):
                runs = [float(run) for run in result.run_secs or ()]
                cost = min(runs) if runs else None
                now = time.monotonic() - began
                found.append(StockTrial(now, cost, candidate.sch.mod["main"]))

    callbacks = (
        ms.measure_callback.AddToDatabase(),
        ms.measure_callback.UpdateCostModel(),
        ms.measure_callback.RemoveBuildArtifact(),
        Collect(),
    )
    os.environ["TVM_NUM_THREADS"] = "1"
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tvmedge-stock-") as folder,
            contextlib.redirect_stdout(sys.stderr),  # its log would mix with a JSON document
        ):
            ms.tune_tir(
                func.with_attr("global_symbol", "main"),
                tvm.target.Target({**spec.tvm, "num-cores": 1}),
                folder,
                trials,
                num_trials_per_iter=_BATCH,
                builder=ms.builder.LocalBuilder(
                    max_workers=2,
                    timeout_sec=timeout_s,
                    f_build=_BUILD,
                    f_export=_EXPORT,
                    initializer=_register,
                ),
                runner=ms.runner.LocalRunner(timeout_sec=timeout_s),
                measure_callbacks=list(callbacks),
                num_tuning_cores=1,
                seed=seed,
            )
    except (RuntimeError, ValueError, TypeError) as error:  # TVM's errors, of its own schedules
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        log.warning("MetaSchedule gave up after %d trials: %s", len(found), reason)
    return found


@dataclass(frozen=True)
class Compared:
    """A task's cost for one call: ours untuned, and the best that MetaSchedule found in
    ``trials``; None where it found none that runs."""

    task: Task
    trials: int
    untuned: float
    stock: float | None


def compare(
    tasks: Sequence[Task], spec: TargetSpec, source: CostSource, trials: int, seed: int
) -> Iterator[Compared]:
    """Our untuned schedules beside what MetaSchedule finds, dearest kernels first; each gets its
    share of ``trials``, at least a batch, until those are used up. Nothing is stored: its
    schedules are traces, which no rule of ours makes."""
    with tvm.target.Target(dict(spec.tvm)):
        untuned = {task.key: _untuned(task, spec, source) for task in tasks if not task.extra}
    costs = {task.key: (untuned.get(task.key) or 0.0) * task.calls for task in tasks}
    whole, left = sum(costs.values()), trials
    for task in sorted(tasks, key=lambda task: -costs[task.key]):
        own = min(left, max(_BATCH, round(trials * costs[task.key] / whole)))
        before = untuned.get(task.key)
        if own <= 0 or before is None:
            continue
        found = tune_stock(task.func, spec, own, seed)
        left -= len(found)  # a small space ends before that
        best = min((one for one in found if one.cost is not None), key=_cost, default=None)
        stock = None if best is None else _measured(best.scheduled, spec, source)
        yield Compared(task, len(found), before, stock)


def _untuned(task: Task, spec: TargetSpec, source: CostSource) -> float | None:
    first = Space(task.func, core_of(spec)).defaults[:1]
    made = [scheduled_kernel(Job(as_text(task.func), spec, one)) for one in first]
    return _measured(made[0], spec, source) if made else None


def _measured(scheduled: tirx.PrimFunc, spec: TargetSpec, source: CostSource) -> float | None:
    try:
        return source.measure(compiled(scheduled, spec, spec)).value
    except CandidateError:
        return None


def _cost(trial: StockTrial) -> float:
    assert trial.cost is not None
    return trial.cost


def _register() -> None:
    """In a worker: what it compiles with."""
    register: Callable[..., Any] = tvm.register_global_func
    register(_BUILD, _build, override=True)
    register(_EXPORT, _export, override=True)


def _build(module: tvm.IRModule, target: tvm.target.Target, params: object) -> tvm.runtime.Module:
    with tvm.transform.PassContext(opt_level=3):
        return tvm.tirx.build(module, target)


def _export(module: tvm.runtime.Module) -> str:
    folder = tempfile.mkdtemp(prefix="tvmedge-stock-")
    path = Path(folder) / "candidate.so"
    module.export_library(str(path), fcompile=_link)
    return str(path)


def _link(output: str, objects: list[str], options: object = None, **_: object) -> None:
    from tvmedge.device.zig import zig_cc

    zig_cc(["-shared", "-o", output, *map(str, objects)], "a candidate")
