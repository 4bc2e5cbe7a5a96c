"""Tensors of one shape at one place are one object, made once a run.

before: a = alloc_tensor(storage, 0, [1, 64]); ..; b = alloc_tensor(storage, 0, [1, 64]); ..
after:  a = alloc_tensor(storage, 0, [1, 64]); ..; b = a; ..

Of the VM's 0.2 us for a small kernel, making and dropping its tensor is the most.
"""

from __future__ import annotations

from dataclasses import dataclass

import tvm
from tvm import relax, tirx

from tvmedge.compiler.passes.functions import graph_functions

Place = tuple[relax.Var, int, tuple[int, ...], str]


@dataclass(frozen=True)
class ShareTensors:
    """Comes after memory is planned and before what is not needed any more is dropped."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = module.clone()
        for variable, function in graph_functions(module):
            result[variable] = _shared(function)
        return result


def _shared(function: relax.Function) -> relax.Function:
    known: dict[Place, relax.Var] = {}
    blocks = []
    for block in function.body.blocks:
        bindings = []
        for binding in block.bindings:
            place = _place(binding.value)
            same = binding if place is None else known.setdefault(place, binding.var)
            if isinstance(same, relax.Var) and not same.same_as(binding.var):
                bindings.append(relax.VarBinding(binding.var, same))
            else:
                bindings.append(binding)
        blocks.append(relax.BindingBlock(bindings))
    body = relax.SeqExpr(blocks, function.body.body)
    relax.expr._update_type(body, function.body.ty)
    return relax.Function(
        function.params, body, function.ret_ty, function.is_pure, function.attrs, function.span
    )


def _place(value: relax.Expr) -> Place | None:
    """Where and what a tensor is; None where only a run knows."""
    if not isinstance(value, relax.Call) or not isinstance(value.op, tvm.ir.Op):
        return None
    if value.op.name != "relax.memory.alloc_tensor":
        return None
    storage, offset, shape, dtype = value.args[:4]
    sizes = (offset, *getattr(shape, "values", (None,)))
    if not isinstance(storage, relax.Var) or not all(isinstance(x, tirx.IntImm) for x in sizes):
        return None
    return storage, int(sizes[0]), tuple(int(size) for size in sizes[1:]), str(dtype)
