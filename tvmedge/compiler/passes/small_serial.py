"""Kernels of little work run on one thread.

before: for i parallel 8: y[i] = max(x[i], 0)
after:  for i 8: y[i] = max(x[i], 0)

Waking threads takes longer than such a kernel (5 to 50 us), and even alone a thread pays for
a parallel loop as for one more call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tvm
from tvm import s_tir, tirx
from tvm.ir.expr import TensorLoad
from tvm.tirx.buffer import BufferType
from tvm_ffi import structural_map, structural_walk

from tvmedge.compiler.library.statements import for_loop
from tvmedge.schedules.rules.cpu.algorithms import NEAR
from tvmedge.schedules.rules.cpu.tiles import WORTH_WAKING
from tvmedge.scheduling.plan import SKIPS
from tvmedge.targeting.core import Core

CALL = 10  # operations of a function such as exp or tanh


@dataclass(frozen=True)
class SmallSerial:
    """Comes after rules made loops parallel."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = module.clone()
        for variable, function in module.functions_items():
            if isinstance(function, tirx.PrimFunc) and self._cycles(function) < WORTH_WAKING:
                result[variable] = function.with_body(
                    structural_map(function.body, (tirx.For, _serial))
                )
        return result

    def _cycles(self, function: tirx.PrimFunc) -> float:
        return work(function.body, self.core) + _bytes(function) / float(NEAR)


def _bytes(function: tirx.PrimFunc) -> float:
    """Of the arguments; infinite where a size is open."""
    total = 0.0
    for kind in (x.ty for x in function.params):
        if isinstance(kind, BufferType):
            if not all(isinstance(size, tirx.IntImm) for size in kind.shape):
                return math.inf
            total += math.prod(map(int, kind.shape)) * tvm.DataType(kind.dtype).itemsize
    return total


def _serial(loop: tirx.For) -> tirx.For:
    parallel = loop.kind == tirx.ForKind.PARALLEL
    return for_loop(loop, loop.body, tirx.ForKind.SERIAL) if parallel else loop


def work(statement: tirx.Stmt, core: Core, call: int = CALL) -> float:
    """Loads, stores and calls, a vector of them counted once; infinite where only a run
    knows how many. A call counts as ``call`` operations."""
    if isinstance(statement, tirx.BufferStore):
        return 1.0 + _operations(statement.value, call)
    if isinstance(statement, tirx.AllocBuffer | tirx.Bind):
        return 0.0
    if isinstance(statement, tirx.For) and SKIPS in statement.annotations:
        call = 0  # what it asks for padding is decided before it runs, but at the edges
    parts = _parts(statement)
    if not parts:
        return math.inf
    return _times(statement, core) * sum(work(part, core, call) for part in parts)


def _parts(statement: tirx.Stmt) -> tuple[tirx.Stmt, ...]:
    """What ``statement`` is made of; nothing for what a rule does not make."""
    if isinstance(statement, tirx.For):
        return (statement.body,)
    if isinstance(statement, tirx.SeqStmt):
        return tuple(statement.seq)
    parts: tuple[tirx.Stmt | None, ...] = ()
    if isinstance(statement, s_tir.SBlockRealize):
        parts = (statement.block.init, statement.block.body)
    elif isinstance(statement, tirx.IfThenElse):
        parts = (statement.then_case, statement.else_case)
    return tuple(part for part in parts if part is not None)


def _times(statement: tirx.Stmt, core: Core) -> float:
    if not isinstance(statement, tirx.For):
        return 1.0
    if not isinstance(statement.extent, tirx.IntImm):
        return math.inf
    times = int(statement.extent)
    vector = statement.kind == tirx.ForKind.VECTORIZED
    return math.ceil(times / core.lanes) if vector else times


def _operations(value: tvm.ir.Expr, call: int) -> int:
    loads: list[TensorLoad] = []
    calls: list[tvm.ir.Call] = []
    structural_walk(value, ((TensorLoad, loads.append), (tvm.ir.Call, calls.append)))
    return len(loads) + call * len(calls)
