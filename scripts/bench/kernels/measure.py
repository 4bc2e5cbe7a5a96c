"""One layer through the CPU pipeline, its kernels timed one by one beside the core's limits."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
from tvm import relax

from scripts.bench.kernels.cases import Case
from scripts.bench.kernels.limits import Limits
from tvmedge.compiler.pipelines import cpu_kernels, run_phases, vm_lowering
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting.core import Core
from tvmedge.tensors import max_normalised_error

_ROUNDS = 40
_ROUND_S = 4e-3
# What moves the model's own input and output into and out of blocks.
_EDGES = ("pack", "unpack", "reshape", "transpose", "layout_transform")


@dataclass(frozen=True)
class Machine:
    """A core and the LLVM target of code for it."""

    core: Core
    target: tvm.target.Target


@dataclass(frozen=True)
class Timing:
    """Least and median milliseconds of the layer's kernels, the median share of the core's ``peak``
    (operations a second, the median, too) at the moment each was taken and of the layer's limit,
    the error against float64, and how the largest kernel was scheduled."""

    ms: float
    median_ms: float
    peak: float
    of_peak: float
    of_limit: float
    error: float
    rule: str
    tile: str


def measure(case: Case, machine: Machine, limits: Limits) -> Timing:
    """Compile the layer, check it, and time what computes it."""
    tensors = case.tensors()
    model = Model("kernel", Path("kernel.onnx"), case.proto(tensors), "0", "unknown")
    module = import_model(model, {}).module
    choices: dict[str, Choice] = {}
    with machine.target, tvm.transform.PassContext(opt_level=3):
        phases = (*cpu_kernels(machine.core, choices.update), *vm_lowering())
        executable = relax.build(run_phases(phases, module), machine.target, relax_pipeline=None)
    # Not the VM's own functions either: choices name the kernels.
    kernels = {name for name in choices if not name.startswith(_EDGES)}
    output, given = _arguments(executable, tensors["x"], kernels)
    error = max_normalised_error(output, case.exact(tensors))
    library = executable.mod.imports[0]
    timers = {name: _timer(library, name, values) for name, values in given.items()}
    largest = max(timers, key=lambda name: timers[name]())
    samples: list[tuple[float, float, float]] = []
    for _ in range(_ROUNDS):  # a core's clock moves: what is compared is measured at one moment
        before = limits.flops()
        seconds = sum(timer() for timer in timers.values())
        stream = limits.stream_seconds(case.bytes_in, case.bytes_out)
        samples.append((seconds, max(before, limits.flops()), stream))
    of_peak = [case.flops / peak / seconds for seconds, peak, _ in samples]
    of_limit = [max(case.flops / peak, stream) / seconds for seconds, peak, stream in samples]
    choice = choices[largest]
    return Timing(
        min(seconds for seconds, _, _ in samples) * 1e3,
        statistics.median(seconds for seconds, _, _ in samples) * 1e3,
        statistics.median(peak for _, peak, _ in samples),
        statistics.median(of_peak),
        statistics.median(of_limit),
        error,
        choice.rule,
        choice.tile,
    )


def _arguments(executable: Any, image: Any, kernels: set[str]) -> tuple[Any, dict[str, list[Any]]]:
    """The model's output, and what it calls each of ``kernels`` with."""
    found: dict[str, list[Any]] = {}

    def watch(_: Any, name: str, before: bool, __: Any, *values: Any) -> None:
        if before and name in kernels:
            found[name] = list(values)

    vm = relax.VirtualMachine(executable, tvm.cpu())
    vm.set_instrument(watch)
    return vm["main"](tvm.runtime.tensor(image)).numpy(), found


def _timer(library: Any, name: str, values: list[Any]) -> Callable[[], float]:
    """Least seconds of a call, from a loop in C++: what the VM adds is not the kernel's."""
    once = library.time_evaluator(name, tvm.cpu(), number=1, repeat=5)
    calls = max(1, int(_ROUND_S / 4 / min(once(*values).results)))
    several = library.time_evaluator(name, tvm.cpu(), number=calls, repeat=4)
    return lambda: float(min(several(*values).results))
