"""Sums and maxima in lanes: a row folded onto a vector, the vector onto one value.

before: r = x[0] + x[1] + ... + x[n - 1]                    (each waits for the last)
after:  lanes[l] = x[l] + x[l + 64] + x[l + 128] + ...      (64: four vectors of sixteen)
        half[l]  = lanes[l] + lanes[l + 32] (+ x of what no vector was left for), and so on

Rows of any length: what is left after whole vectors is folded in where the vector has
become as short. Nothing is read beyond the row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import tvm
from tvm import te, tirx

from tvmedge.scheduling.plan import KERNEL

Expr: TypeAlias = tvm.ir.Expr
Index: TypeAlias = tuple[Expr, ...]

SUMS = 4  # vectors of sums that hide the latency of an addition


@dataclass(frozen=True)
class Fold:
    """An operation in which order does not matter: on two values, and as ``te`` reduces by it."""

    pair: Callable[[Expr, Expr], Expr]
    reduce: Callable[..., Any]


SUM = Fold(lambda left, right: left + right, te.sum)
MAX = Fold(tirx.max, te.max)
MIN = Fold(tirx.min, te.min)


@dataclass(frozen=True)
class Rows:
    """``length`` values for every index into ``outer``: ``element(index, position)``."""

    outer: Sequence[int]
    length: int
    element: Callable[[Index, Expr], Expr]


def fold_rows(rows: Rows, fold: Fold, lanes: int) -> te.Tensor:
    """One value a row, of shape ``rows.outer``, by vectors of ``lanes``."""
    width = 1 << min(rows.length, lanes).bit_length() - 1
    vectors = rows.length // width
    together = min(SUMS, vectors)
    steps = vectors // together
    read = [functools.partial(_shifted, rows, start) for start in range(0, vectors * width, width)]
    if steps > 1:
        sums = _in_lanes(rows, fold, steps, together * width)
        read[: steps * together] = [
            functools.partial(_at, sums, start) for start in range(0, together * width, width)
        ]
    level = _level(rows, fold, read, width)
    done = vectors * width
    while width > 1:
        width //= 2
        read = [functools.partial(_at, level, start) for start in (0, width)]
        if rows.length - done >= width:
            read.append(functools.partial(_shifted, rows, done))
            done += width
        level = _level(rows, fold, read, width)
    return te.compute(tuple(rows.outer), lambda *i: level(*i, 0), name="row", attrs={KERNEL: "row"})


@dataclass(frozen=True)
class Columns:
    """``length`` values for every index into ``outer`` and ``inner``, of which the last axis of
    ``inner`` is where vectors lie: ``element(outer index, position, inner index)``."""

    outer: Sequence[int]
    length: int
    inner: Sequence[int]
    element: Callable[[Index, Expr, Index], Expr]


def fold_columns(columns: Columns, fold: Fold, lanes: int) -> te.Tensor:
    """One value a column, of shape ``outer + inner``; ``SUMS`` vectors at a time."""
    outer, inner = tuple(columns.outer), tuple(columns.inner)
    vectors = -(-inner[-1] // lanes)
    together = max(1, min(SUMS // vectors, columns.length // 2))
    steps = columns.length // together
    k = te.reduce_axis((0, steps), "k")
    split = len(outer)

    def term(*i: Expr) -> Any:
        position = k * together + i[split]
        return fold.reduce(columns.element(i[:split], position, i[split + 1 :]), axis=k)

    sums = te.compute((*outer, together, *inner), term, name="columns", attrs={KERNEL: "columns"})

    def element(*i: tirx.Var) -> Expr:
        values = [sums(*i[:split], part, *i[split:]) for part in range(together)]
        rest = range(steps * together, columns.length)
        values += [columns.element(i[:split], tirx.const(at, "int32"), i[split:]) for at in rest]
        return _pairwise(fold, values)

    return te.compute((*outer, *inner), element, name="column", attrs={KERNEL: "columns"})


def _in_lanes(rows: Rows, fold: Fold, steps: int, width: int) -> te.Tensor:
    k = te.reduce_axis((0, steps), "k")
    return te.compute(
        (*rows.outer, width),
        lambda *i: fold.reduce(rows.element(i[:-1], k * width + i[-1]), axis=k),
        name="lanes",
        attrs={KERNEL: "lanes"},
    )


def _level(
    rows: Rows, fold: Fold, read: Sequence[Callable[[Index], Expr]], width: int
) -> te.Tensor:
    """``width`` values a row, each folded of what ``read`` gives at its place."""

    def element(*index: tirx.Var) -> Expr:
        return _pairwise(fold, [one(index) for one in read])

    return te.compute((*rows.outer, width), element, name="level", attrs={KERNEL: "lanes"})


def _pairwise(fold: Fold, values: Sequence[Expr]) -> Expr:
    while len(values) > 1:
        pairs = [fold.pair(*values[i : i + 2]) for i in range(0, len(values) - 1, 2)]
        values = [*pairs, *values[len(pairs) * 2 :]]
    return values[0]


def _shifted(rows: Rows, start: int, index: Index) -> Expr:
    return rows.element(index[:-1], index[-1] + start)


def _at(tensor: te.Tensor, start: int, index: Index) -> Expr:
    return tensor(*index[:-1], index[-1] + start)
