"""One layer through the CPU pipeline, its kernels timed one by one."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
from tvm import relax

from scripts.bench.kernels.cases import Case
from tvmedge.compiler.pipelines import cpu_kernels, run_phases, vm_lowering
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting.core import Core
from tvmedge.tensors import max_normalised_error

_BUDGET_S = 0.5
_LEAST_RUNS = 20
# What moves the model's own input and output into and out of blocks.
_EDGES = ("pack", "unpack", "reshape", "transpose", "layout_transform")


@dataclass(frozen=True)
class Machine:
    """A core and the LLVM target of code for it."""

    core: Core
    target: tvm.target.Target


@dataclass(frozen=True)
class Timing:
    """Least and median milliseconds of the layer's kernels, the error against float64, and
    how its largest kernel was scheduled."""

    ms: float
    median_ms: float
    error: float
    rule: str
    tile: str


def measure(case: Case, machine: Machine) -> Timing:
    """Compile the layer, check it, and time what computes it."""
    tensors = case.tensors()
    model = Model("kernel", Path("kernel.onnx"), case.proto(tensors), "0", "unknown")
    module = import_model(model, {}).module
    choices: dict[str, Choice] = {}
    with machine.target, tvm.transform.PassContext(opt_level=3):
        phases = (*cpu_kernels(machine.core, choices.update), *vm_lowering())
        executable = relax.build(run_phases(phases, module), machine.target, relax_pipeline=None)
    vm = relax.VirtualMachine(executable, tvm.cpu())
    given = tvm.runtime.tensor(tensors["x"])
    error = max_normalised_error(vm["main"](given).numpy(), case.exact(tensors))
    runs = _runs(vm, given)
    # Not the VM's own functions either: choices name the kernels.
    kernels = [name for name in choices if not name.startswith(_EDGES)]
    sums = [sum(run[name] for name in kernels) for run in runs]
    largest = max(kernels, key=lambda name: statistics.median(run[name] for run in runs))
    choice = choices[largest]
    return Timing(min(sums) * 1e3, statistics.median(sums) * 1e3, error, choice.rule, choice.tile)


def _runs(vm: Any, given: Any) -> list[dict[str, float]]:
    """Seconds by kernel, run for run."""
    runs: list[dict[str, float]] = []
    started = [0.0]

    def watch(_: Any, name: str, before: bool, __: Any, *___: Any) -> None:
        now = time.perf_counter()
        if before:
            started[0] = time.perf_counter()
        else:
            runs[-1][name] += now - started[0]

    vm.set_instrument(watch)
    deadline = time.perf_counter() + _BUDGET_S
    while len(runs) < _LEAST_RUNS or time.perf_counter() < deadline:
        runs.append(defaultdict(float))
        vm["main"](given)
    return runs[1:]
