"""An imported module through the CPU pipeline, run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import tvm
from numpy.typing import NDArray
from tvm import relax

from tvmedge.compiler.passes.schedule_kernels import Explain
from tvmedge.compiler.passes.small_on_stack import tir_pipeline
from tvmedge.compiler.pipelines import cpu_kernels, run_phases, vm_lowering
from tvmedge.scheduling.knobs import Knobs
from tvmedge.targeting.core import Core

Run = Callable[[Iterable[NDArray[Any]]], list[NDArray[Any]]]
PLAIN = Core(4, 16)


def runner(
    module: tvm.IRModule,
    core: Core = PLAIN,
    explain: Explain | None = None,
    knobs: Knobs | None = None,
) -> Run:
    """``main`` of ``module``, with kernels scheduled for ``core``, as a function; ``knobs`` answer
    what the lowering asks."""
    target = tvm.target.Target("llvm")
    with target, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases((*cpu_kernels(core, explain, knobs=knobs), *vm_lowering()), module)
        executable = relax.build(lowered, target, relax_pipeline=None, tir_pipeline=tir_pipeline())
    machine = relax.VirtualMachine(executable, tvm.cpu())

    def run(inputs: Iterable[NDArray[Any]]) -> list[NDArray[Any]]:
        result = machine["main"](*map(tvm.runtime.tensor, inputs))
        return [one.numpy() for one in ([result] if hasattr(result, "numpy") else result)]

    return run
