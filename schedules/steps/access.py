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
    None where that is not always as many (a remainder, a table); the write first.
    ``extents``: iterations of each loop."""

    extents: tuple[int, ...]
    steps: tuple[tuple[int | None, ...], ...]

    def as_one(self, outer: int) -> bool:
        """Whether loop ``outer`` and the next one pass through memory like one long loop."""
        return self.extents[outer] == 1 or all(
            s[outer] is not None and s[outer] == self._whole(s[outer + 1], outer + 1)
            for s in self.steps
        )

    def _whole(self, step: int | None, loop: int) -> int | None:
        return None if step is None else step * self.extents[loop]


def moves(schedule: s_tir.Schedule, block: Block, loops: Sequence[Loop]) -> Moves | None:
    """How the write and the reads of ``block`` move with ``loops``, which are around it one
    in the other; None where a loop's size is only known at run time."""
    nest = [schedule.get(loop) for loop in loops]
    extents = [one.extent for one in nest]
    if not all(isinstance(size, tirx.IntImm) for size in extents):
        return None
    inside: list[SBlockRealize] = []
    structural_walk(nest[-1], (SBlockRealize, inside.append))
    if len(inside) != 1:
        return None
    axes, loop_vars = inside[0].block.iter_vars, [one.loop_var for one in nest]
    known = sym.Analyzer()
    for axis in axes:
        known.bind(axis.var, axis.dom)
    by_loop = [_factors(known, value, loop_vars) for value in inside[0].iter_values]
    steps = []
    for buffer, indices in _accesses(inside[0].block.body):
        by_axis = _steps(known, buffer, indices, [axis.var for axis in axes])
        steps.append(
            tuple(
                _total(by_axis, [loops_of[at] for loops_of in by_loop]) for at in range(len(nest))
            )
        )
    return Moves(tuple(int(size) for size in extents), tuple(steps))


def _total(outer: Sequence[int | None], inner: Sequence[int | None]) -> int | None:
    """Sum of products, where no factor of what counts is unknown."""
    total = 0
    for left, right in zip(outer, inner, strict=True):
        if left == 0 or right == 0:
            continue
        if left is None or right is None:
            return None
        total += left * right
    return total


def _factors(
    known: sym.Analyzer, value: tvm.ir.Expr, variables: Sequence[tirx.Var]
) -> list[int | None]:
    """What each of ``variables`` is multiplied with in ``value``; None where it is not just
    multiplied."""
    simple = known.simplify(value)
    found = [sym.detect_linear_equation(simple, [variable]) for variable in variables]
    return [
        int(linear[0]) if len(linear) == 2 and isinstance(linear[0], tirx.IntImm) else None
        for linear in found
    ]


def _steps(
    known: sym.Analyzer,
    buffer: tirx.Buffer,
    indices: Sequence[tvm.ir.Expr],
    variables: Sequence[tirx.Var],
) -> list[int | None]:
    """By how many elements each of ``variables`` moves an access: seen from its place in memory,
    where a reshape vanishes, or axis by axis, where a table is on another axis."""
    whole = _factors(known, _offset(buffer, indices), variables)
    by_axis = [_factors(known, index, variables) for index in indices]
    sizes = [int(size) if isinstance(size, tirx.IntImm) else None for size in buffer.shape]
    strides: list[int | None] = [1] if sizes else []
    for size in sizes[:0:-1]:
        inner = strides[0]
        strides.insert(0, None if size is None or inner is None else size * inner)
    apart = [_total(strides, [axis[at] for axis in by_axis]) for at in range(len(variables))]
    return [apart[at] if step is None else step for at, step in enumerate(whole)]


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
