"""Sums, means and extrema over any axes of a tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.fold import Columns, Fold, Rows, fold_columns, fold_rows

Expr = tvm.ir.Expr


def reduction(
    x: te.Tensor,
    axes: Collection[int],
    keepdims: bool,
    fold: Fold,
    lanes: int,
    finish: Callable[[Expr], Expr] = lambda value: value,
) -> te.Tensor:
    """``x`` folded along ``axes`` (0 to ndim - 1), and ``finish`` of each result.

    Axes at the end are one row of memory and fold in lanes; those before them leave
    vectors as they are.
    """
    shape = [int(size) for size in x.shape]
    first = _first_of_row(shape, axes)
    folded, rest = x, [axis for axis in axes if axis < first]
    if first < len(shape):
        length = math.prod(shape[first:])
        rows = Rows(shape[:first], length, lambda i, k: x(*i, *unravel(k, shape[first:])))
        folded = fold_rows(rows, fold, lanes)
    if rest:
        folded = _across(folded, rest, fold, lanes)
    kept = [axis for axis in range(first) if axis not in axes]
    result = [axis for axis in range(len(shape)) if keepdims or axis not in axes]

    def element(*index: tirx.Var) -> Expr:
        places = dict(zip(result, index, strict=True))
        return finish(folded(*[places[axis] for axis in kept]))

    sizes = [1 if axis in axes else shape[axis] for axis in result]
    return te.compute(sizes, element, name="reduced")


def unravel(position: Expr, sizes: Sequence[int]) -> list[Expr]:
    """The index into ``sizes`` of an element in row-major order."""
    index: list[Expr] = []
    for size in reversed(sizes[1:]):
        index.insert(0, position % size)
        position = position // size
    return [position, *index]


def _first_of_row(shape: Sequence[int], axes: Collection[int]) -> int:
    """Where the axes begin that lie together at the end: folded, or of one element."""
    first = len(shape)
    while first > 0 and (first - 1 in axes or shape[first - 1] == 1):
        first -= 1
    return first


def _across(x: te.Tensor, axes: Sequence[int], fold: Fold, lanes: int) -> te.Tensor:
    """``x`` folded along ``axes``, of which the last axis is none."""
    shape = [int(size) for size in x.shape]
    sizes = [shape[axis] for axis in axes]
    split = max(axes)
    before = [axis for axis in range(split) if axis not in axes]
    after = range(split + 1, len(shape))

    def element(outer: tuple[Expr, ...], position: Expr, inner: tuple[Expr, ...]) -> Expr:
        index = dict(zip((*before, *after), (*outer, *inner), strict=True))
        index.update(zip(axes, unravel(position, sizes), strict=True))
        return x(*[index[axis] for axis in range(len(shape))])

    columns = Columns(
        [shape[axis] for axis in before], math.prod(sizes), [shape[axis] for axis in after], element
    )
    return fold_columns(columns, fold, lanes)
