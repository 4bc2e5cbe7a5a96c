"""Sums and maxima in lanes: a row folded onto a vector, the vector onto one value.

before: r = x[0] + x[1] + ... + x[n - 1]                    (each waits for the last)
after:  lanes[l] = x[l] + x[l + 64] + x[l + 128] + ...      (64: four vectors of sixteen)
        half[l]  = lanes[l] + lanes[l + 32] (+ x of what no vector was left for), and so on

Rows of any length: what is left after whole vectors is folded in where the vector has
become as short. Nothing is read beyond the row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import tvm
from tvm import te, tirx

from tvmedge.scheduling.plan import KERNEL

Expr: TypeAlias = tvm.ir.Expr
Index: TypeAlias = tuple[Expr, ...]
Value: TypeAlias = Callable[[Index], Expr]

SUMS = 4  # vectors of sums that hide the latency of an addition


@dataclass(frozen=True)
class Fold:
    """An operation in which order does not matter: on two values, and as ``te`` reduces by it."""

    pair: Callable[[Expr, Expr], Expr]
    reduce: Callable[..., Any]


def _larger(left: Expr, right: Expr) -> Expr:
    return tirx.max(left, right)  # te counts the parameters of what it is given


def _smaller(left: Expr, right: Expr) -> Expr:
    return tirx.min(left, right)


def _from(start: float) -> Callable[[str], Expr]:
    """TVM's own extrema start from the largest finite number: of -inf and -inf the maximum
    would be -3.4e38."""
    return lambda dtype: tirx.const(start, dtype)


SUM = Fold(lambda left, right: left + right, te.sum)
MAX = Fold(_larger, te.comm_reducer(_larger, _from(-math.inf)))
MIN = Fold(_smaller, te.comm_reducer(_smaller, _from(math.inf)))


@dataclass(frozen=True)
class Rows:
    """``length`` values for every index into ``outer``, whose sizes may be open:
    ``element(index, position)``."""

    outer: Sequence[int | Expr]
    length: int
    element: Callable[[Index, Expr], Expr]


def fold_rows(rows: Rows, fold: Fold, lanes: int) -> te.Tensor:
    """One value a row, of shape ``rows.outer``, by vectors of ``lanes``."""
    width = 1 << min(rows.length, lanes).bit_length() - 1
    vectors = rows.length // width
    together = min(SUMS, vectors)
    steps = vectors // together
    starts = range(0, vectors * width, width)
    in_sums = steps * together if steps > 1 else 0
    read = [_shifted(_of(rows), start) for start in starts[in_sums:]]
    if in_sums:
        sums = _in_lanes(rows, fold, steps, together * width)
        read = [*(_shifted(_of(sums), start) for start in starts[:together]), *read]
    value = _level(rows, fold, read, width)
    done = vectors * width
    while width > 1:
        width //= 2
        read = [value, _shifted(value, width)]
        if rows.length - done >= width:
            read.append(_shifted(_of(rows), done))
            done += width
        value = _level(rows, fold, read, width)
    return te.compute(
        tuple(rows.outer), lambda *i: value((*i, 0)), name="row", attrs={KERNEL: "row"}
    )


@dataclass(frozen=True)
class Columns:
    """``length`` values for every index into ``outer`` and each of ``inner`` places that lie
    side by side: ``element(index, position, place)``."""

    outer: Sequence[int]
    length: int
    inner: int
    element: Callable[[Index, Expr, Expr], Expr]


def fold_columns(columns: Columns, fold: Fold, lanes: int) -> te.Tensor:
    """One value a column, of shape ``(*outer, inner)``; ``SUMS`` vectors at a time."""
    outer, inner, length = tuple(columns.outer), columns.inner, columns.length
    together = max(1, min(SUMS * lanes // inner, SUMS, length // 2))
    steps = length // together
    k = te.reduce_axis((0, steps), "k")

    def term(*i: Expr) -> Any:
        return fold.reduce(columns.element(i[:-2], k * together + i[-2], i[-1]), axis=k)

    shape = (*outer, together, inner)
    sums = te.compute(shape, term, name="columns", attrs={KERNEL: "columns"})

    def element(*i: Expr) -> Expr:
        values = [sums(*i[:-1], part, i[-1]) for part in range(together)]
        rest = range(steps * together, length)
        values += [columns.element(i[:-1], tirx.const(at, "int32"), i[-1]) for at in rest]
        return _pairwise(fold, values)

    return te.compute((*outer, inner), element, name="column", attrs={KERNEL: "column"})


def _in_lanes(rows: Rows, fold: Fold, steps: int, width: int) -> te.Tensor:
    k = te.reduce_axis((0, steps), "k")
    return te.compute(
        (*rows.outer, width),
        lambda *i: fold.reduce(rows.element(i[:-1], k * width + i[-1]), axis=k),
        name="lanes",
        attrs={KERNEL: "lanes"},
    )


def _level(rows: Rows, fold: Fold, read: Sequence[Value], width: int) -> Value:
    """``width`` values a row, each folded of what ``read`` gives at its place."""
    if len(read) == 1:
        return read[0]

    def element(*index: Expr) -> Expr:
        return _pairwise(fold, [one(index) for one in read])

    return _of(te.compute((*rows.outer, width), element, name="level", attrs={KERNEL: "lanes"}))


def _pairwise(fold: Fold, values: Sequence[Expr]) -> Expr:
    while len(values) > 1:
        pairs = [fold.pair(*values[i : i + 2]) for i in range(0, len(values) - 1, 2)]
        values = [*pairs, *values[len(pairs) * 2 :]]
    return values[0]


def _of(source: Rows | te.Tensor) -> Value:
    if isinstance(source, Rows):
        return lambda index: source.element(index[:-1], index[-1])
    return lambda index: source(*index)


def _shifted(value: Value, start: int) -> Value:
    return lambda index: value((*index[:-1], index[-1] + start))
