"""What a call of each kernel costs: arithmetic, and the bytes of its tensors.

Counted on the plain loops that a kernel is before it is scheduled, as a schedule may add to them.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import tvm
from tvm import s_tir, tirx
from tvm.ir.expr import TensorLoad
from tvm.ir.prim import expr as prim
from tvm.tirx.buffer import BufferType

from tvmedge.compiler.passes.functions import called
from tvmedge.scheduling.choices import is_choice
from tvmedge.scheduling.engine import Choice
from tvmedge.types import KernelCost

log = logging.getLogger(__name__)

_ROOM = 512 << 10
"""Of a manifest's MiB, what the list of kernels may take."""

_OPERATIONS = (prim.Add, prim.Sub, prim.Mul, prim.Div, prim.Max, prim.Min)


def kernel_costs(
    plain: tvm.IRModule, module: tvm.IRModule, choices: Mapping[str, Choice]
) -> tuple[KernelCost, ...]:
    """Of the kernels that ``module`` calls; ``plain`` has them before they were scheduled, as
    ``choices`` tells. A list that a manifest has no room for is left out, with a warning."""
    known = {str(variable.name_hint): func for variable, func in plain.functions_items()}
    costs = []
    for name in called(module):
        function = module[name]
        if isinstance(function, tirx.PrimFunc):
            loops = known.get(name, function)
            count = operations(loops.body)
            rule = choices[name].rule if name in choices else ""
            costs.append(
                KernelCost(
                    name, rule, int(count) if math.isfinite(count) else None, _bytes(function)
                )
            )
    if len(json.dumps([asdict(cost) for cost in costs], indent=4)) > _ROOM:
        log.warning("a bundle has no room to say what each of %d kernels costs", len(costs))
        return ()
    return tuple(costs)


def operations(statement: tirx.Stmt) -> float:
    """Additions, products, quotients, maxima and calls of functions, by element; what addresses
    and conditions take is not counted. Infinite where only a run knows how many."""
    if isinstance(statement, tirx.AllocBuffer):
        return 0.0
    if isinstance(statement, tirx.BufferStore | tirx.Bind):
        counted = isinstance(statement, tirx.BufferStore) or _is_data(statement.value)
        return _of_value(statement.value) if counted else 0.0
    if isinstance(statement, tirx.For):
        inside = operations(statement.body)
        if isinstance(statement.extent, tirx.IntImm):
            return int(statement.extent) * inside
        return math.inf if inside else 0.0
    return _of_parts(statement)


def _of_parts(statement: tirx.Stmt) -> float:
    if isinstance(statement, tirx.SeqStmt):
        return sum(map(operations, statement.seq))
    if isinstance(statement, tirx.IfThenElse):
        sides = (statement.then_case, statement.else_case)
        return max(operations(side) for side in sides if side is not None)
    if isinstance(statement, s_tir.SBlockRealize):
        return operations(statement.block.body)  # what sums begin with costs nothing
    return operations(statement.body) if isinstance(statement, tirx.AttrStmt) else math.inf


def _of_value(value: Any) -> float:
    if isinstance(value, TensorLoad):
        return 0.0
    if isinstance(value, prim.Select):
        return max(_of_value(value.true_value), _of_value(value.false_value))
    if is_choice(value):
        return max(_of_value(value.args[1]), _of_value(value.args[2]))
    if isinstance(value, tvm.ir.Call):
        return 1.0 + sum(_of_value(x) for x in value.args if isinstance(x, tvm.ir.Expr))
    if isinstance(value, _OPERATIONS):
        return 1.0 + _of_value(value.a) + _of_value(value.b)
    return _of_value(value.value) if isinstance(value, prim.Cast) else 0.0


def _is_data(value: Any) -> bool:
    return "float" in str(value.ty)


def _bytes(function: tirx.PrimFunc) -> int | None:
    """Of all tensors it reads or writes, each once."""
    total = 0
    for kind in (param.ty for param in function.params):
        if isinstance(kind, BufferType):
            if not all(isinstance(size, tirx.IntImm) for size in kind.shape):
                return None
            elements = math.prod(int(size) for size in kind.shape)
            total += (elements * int(tvm.DataType(kind.dtype).bits) + 7) // 8
    return total
