"""How a block moves through memory with the loops around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import tvm
from tvm import s_tir, tirx
from tvm.ir.expr import TensorLoad
from tvm.s_tir.stmt import SBlockRealize
from tvm.sym import Analyzer, detect_linear_equation
from tvm.tirx.stmt_functor import substitute
from tvm_ffi import structural_walk

Block: TypeAlias = s_tir.schedule.SBlockRV
Loop: TypeAlias = s_tir.schedule.LoopRV


@dataclass(frozen=True)
class Moves:
    """``steps[a][l]``: elements by which access ``a`` moves when loop ``l`` takes one step,
    the write first; ``extents``: iterations of each loop."""

    extents: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]

    def as_one(self, outer: int) -> bool:
        """Whether loop ``outer`` and the next one pass through memory like one long loop."""
        inner = outer + 1
        return all(s[outer] == s[inner] * self.extents[inner] for s in self.steps)


def moves(schedule: s_tir.Schedule, block: Block, loops: Sequence[Loop]) -> Moves | None:
    """How the write and the reads of ``block`` move with ``loops``, which are around it one
    in the other; None where a step is not always as long (a remainder, a table)."""
    nest = [schedule.get(loop) for loop in loops]
    extents = [one.extent for one in nest]
    if not all(isinstance(size, tirx.IntImm) for size in extents):
        return None
    inside: list[SBlockRealize] = []
    structural_walk(nest[-1], (SBlockRealize, inside.append))
    if len(inside) != 1:
        return None
    realize = inside[0]
    analyzer = Analyzer()
    for one in nest:
        analyzer.bind(one.loop_var, tvm.ir.Range(one.min, one.min + one.extent))
    bound = dict(
        zip([axis.var for axis in realize.block.iter_vars], realize.iter_values, strict=True)
    )
    variables = [one.loop_var for one in nest]
    steps = []
    for buffer, indices in _accesses(realize.block.body):
        offset = tirx.const(0, "int32")
        for index, size in zip(indices, buffer.shape, strict=True):
            offset = offset * size + index
        linear = detect_linear_equation(analyzer.simplify(substitute(offset, bound)), variables)
        if not linear or not all(isinstance(step, tirx.IntImm) for step in linear[:-1]):
            return None
        steps.append(tuple(int(step) for step in linear[:-1]))
    return Moves(tuple(int(size) for size in extents), tuple(steps))


def _accesses(body: tirx.Stmt) -> list[tuple[tirx.Buffer, Sequence[tvm.ir.Expr]]]:
    found: list[tuple[tirx.Buffer, Sequence[tvm.ir.Expr]]] = []
    structural_walk(body, (tirx.BufferStore, lambda s: found.append((s.buffer, s.indices))))
    structural_walk(body, (TensorLoad, lambda load: found.append((load.source, load.indices))))
    return found
