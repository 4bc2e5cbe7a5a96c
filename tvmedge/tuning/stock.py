"""TVM's own search over TVM's own space, for comparison: MetaSchedule with its workers repaired.

Its builder restarts its processes with every batch, and each of them imports tensor intrinsics
for longer than it may take. Here they compile and nothing else, and may take two minutes.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
from tvm import tirx
from tvm.ir.utils import derived_object
from tvm.s_tir import meta_schedule as ms

from tvmedge.targeting import TargetSpec

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


def tune_stock(func: tirx.PrimFunc, spec: TargetSpec, trials: int, seed: int) -> list[StockTrial]:
    """Search schedules of an unscheduled kernel for one thread of this machine."""
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
    with tempfile.TemporaryDirectory(prefix="tvmedge-stock-") as folder:
        ms.tune_tir(
            func.with_attr("global_symbol", "main"),
            tvm.target.Target({**spec.tvm, "num-cores": 1}),
            folder,
            trials,
            num_trials_per_iter=_BATCH,
            builder=ms.builder.LocalBuilder(
                max_workers=2,
                timeout_sec=_TIMEOUT_S,
                f_build=_BUILD,
                f_export=_EXPORT,
                initializer=_register,
            ),
            runner=ms.runner.LocalRunner(timeout_sec=_TIMEOUT_S),
            measure_callbacks=list(callbacks),
            num_tuning_cores=1,
            seed=seed,
        )
    return found


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
