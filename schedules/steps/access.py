"""How a block moves through memory with the loops around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import tvm
from tvm import s_tir, sym, tirx
from tvm.ir.expr import TensorLoad
from tvm.s_tir.stmt import SBlockRealize
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
        if self.extents[outer] == 1:
            return True
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
    block_vars = [axis.var for axis in inside[0].block.iter_vars]
    loop_vars = [one.loop_var for one in nest]
    known = sym.Analyzer()
    for axis in inside[0].block.iter_vars:
        known.bind(axis.var, axis.dom)
    bindings = [_linear(known, value, loop_vars) for value in inside[0].iter_values]
    steps = []
    for buffer, indices in _accesses(inside[0].block.body):
        by_axis = _linear(known, _offset(buffer, indices), block_vars)
        if by_axis is None:
            return None
        used = [(step, by_loop) for step, by_loop in zip(by_axis, bindings, strict=True) if step]
        if any(by_loop is None for _, by_loop in used):
            return None
        steps.append(
            tuple(
                sum(step * by_loop[at] for step, by_loop in used if by_loop)
                for at in range(len(nest))
            )
        )
    return Moves(tuple(int(size) for size in extents), tuple(steps))


def _linear(
    known: sym.Analyzer, value: tvm.ir.Expr, variables: Sequence[tirx.Var]
) -> tuple[int, ...] | None:
    """The factors of ``variables`` in ``value``; None where it is not their sum."""
    factors = sym.detect_linear_equation(known.simplify(value), variables)
    if not factors or not all(isinstance(factor, tirx.IntImm) for factor in factors[:-1]):
        return None
    return tuple(int(factor) for factor in factors[:-1])


def _offset(buffer: tirx.Buffer, indices: Sequence[tvm.ir.Expr]) -> tvm.ir.Expr:
    offset = tirx.const(0, "int32")
    for index, size in zip(indices, buffer.shape, strict=True):
        offset = offset * size + index
    return offset


def _accesses(body: tirx.Stmt) -> list[tuple[tirx.Buffer, Sequence[tvm.ir.Expr]]]:
    found: list[tuple[tirx.Buffer, Sequence[tvm.ir.Expr]]] = []
    structural_walk(body, (tirx.BufferStore, lambda s: found.append((s.buffer, s.indices))))
    structural_walk(body, (TensorLoad, lambda load: found.append((load.source, load.indices))))
    return found
