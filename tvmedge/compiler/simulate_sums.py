"""How far off a model is whose sums are float16, too: its kernels, as plain loops on this CPU.

before: items: sum: f16;  for ic, kh, kw, ii: sum += x * w          (a GPU's kernel)
after:  for ic, kh, kw, ii: for columns, lanes: sum += x * w        (in the same order, here)

Every product and every sum is rounded to float16. A GPU that rounds only the sum of both (a fused
multiply-add) is closer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tvm
from tvm import relax, s_tir, tirx
from tvm.tirx import IterVar

from tvmedge.compiler.passes.narrow_halves import SUMMED, NarrowHalves
from tvmedge.compiler.passes.store_half import OwnSums, StoreHalf
from tvmedge.compiler.pipelines import Phase, run_phases, unscheduled_kernels, vm_lowering
from tvmedge.scheduling.plan import KERNEL
from tvmedge.targeting import TargetSpec, target
from tvmedge.targeting.core import core_of
from tvmedge.tensors import max_normalised_error
from tvmedge.types import Winograd

Tensors = Mapping[str, np.ndarray[Any, Any]]
_SIDE_BY_SIDE = 2  # loops inside of a sum's: columns and lanes


def sums_error(module: tvm.IRModule, spec: TargetSpec, inputs: Tensors, wanted: Tensors) -> float:
    """The largest max-normalised error of an output of an imported ``module``, beside ``wanted``.

    Raises:
        ValueError: a number that float16 cannot hold came up.
    """
    found = _run(module, spec, inputs)
    if not all(np.isfinite(array).all() for array in found):
        raise ValueError("sums come up that float16 cannot hold: use --precision fp16")
    return max(map(max_normalised_error, found, wanted.values()), default=0.0)


def _run(module: tvm.IRModule, spec: TargetSpec, inputs: Tensors) -> list[np.ndarray[Any, Any]]:
    machine = tvm.target.Target(target("host").tvm_target)
    halves = (OwnSums(), _sums_inside, StoreHalf(), NarrowHalves(sums=True))
    phases = (*unscheduled_kernels(core_of(spec), Winograd.OFF), Phase("half", halves))
    with machine, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases((*phases, *vm_lowering()), module)
        executable = relax.build(lowered, machine, relax_pipeline=None)
    main = relax.VirtualMachine(executable, tvm.cpu())["main"]
    result = main(*(tvm.runtime.tensor(array) for array in inputs.values()))
    return [x.numpy() for x in ([result] if hasattr(result, "numpy") else result)]


def _sums_inside(module: tvm.IRModule) -> tvm.IRModule:
    functions = {
        name: _ordered(function) if isinstance(function, tirx.PrimFunc) else function
        for name, function in module.functions.items()
    }
    return tvm.IRModule(functions, attrs=module.attrs, global_infos=module.global_infos)


def _ordered(function: tirx.PrimFunc) -> tirx.PrimFunc:
    """The kernel with the last loops over what it writes inside of those that sum."""
    schedule = s_tir.Schedule(function)
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        body = schedule.get(block)
        kinds = [axis.iter_type for axis in body.iter_vars]
        loops = schedule.get_loops(block)
        spatial = sum(kind == IterVar.DataPar for kind in kinds)
        sums = str(body.annotations.get(KERNEL, "")) in SUMMED
        if not sums or len(loops) != len(kinds) or not _SIDE_BY_SIDE <= spatial < len(loops):
            continue
        inner = loops[spatial - _SIDE_BY_SIDE : spatial]
        schedule.reorder(*loops[spatial:], *inner)
        schedule.decompose_reduction(block, loops[spatial])
    return schedule.mod["main"].with_attrs(function.attrs)
