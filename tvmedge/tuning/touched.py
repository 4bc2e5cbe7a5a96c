"""How many bytes a run of a model touches, which is what its caches would have to hold."""

from __future__ import annotations

import tvm
from tvm import tirx
from tvm.ir.expr import TensorLoad

from tvmedge.compiler.library.layout import lay_out
from tvmedge.compiler.library.program import Call, Home, Program, Tensor
from tvmedge.compiler.library.refused import NotStraightLineError
from tvmedge.compiler.library.statements import found
from tvmedge.compiler.library.walk import walk
from tvmedge.compiler.passes.lift_weights import lift_weights
from tvmedge.compiler.pipelines import kernel_calls, run_phases


def touched(module: tvm.IRModule) -> int | None:
    """Bytes of inputs, results, weights, and the memory that all other tensors share; of a table
    that a kernel looks values up in as many as the kernel writes.

    ``module`` calls kernels that need not be scheduled. None where only a run knows: open sizes,
    branches, loops.
    """
    try:
        program = walk(run_phases(kernel_calls(in_place=False), lift_weights(module).module))
    except NotStraightLineError:
        return None
    ends = sum(tensor.nbytes for tensor in (*program.inputs, *program.outputs))
    return ends + lay_out(program, {}).nbytes + sum(_weights(module, program).values())


def _weights(module: tvm.IRModule, program: Program) -> dict[Tensor, int]:
    """Of each constant, the most that a call reads."""
    reads: dict[Tensor, int] = {}
    for call in program.calls:
        tables = _tables(module[call.kernel])
        for place, tensor in enumerate(call.arguments):
            if tensor.home in (Home.CONSTANT, Home.WEIGHT):
                size = min(tensor.nbytes, _written(call)) if place in tables else tensor.nbytes
                reads[tensor] = max(size, reads.get(tensor, 0))
    return reads


def _written(call: Call) -> int:
    """Bytes of a kernel's last tensor, its result."""
    return call.arguments[-1].nbytes


def _tables(kernel: tirx.PrimFunc) -> set[int]:
    """Which parameters ``kernel`` reads at places that it has read."""
    looked_up = [
        load.source
        for load in found(kernel.body, TensorLoad)
        if any(found(index, TensorLoad) for index in load.indices)
    ]
    return {
        place
        for place, param in enumerate(kernel.params)
        if any(param.same_as(source) for source in looked_up)
    }
