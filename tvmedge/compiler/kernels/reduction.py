"""Sums, means and extrema over any axes of a tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.fold import Columns, Fold, Rows, fold_columns, fold_rows

Expr: TypeAlias = tvm.ir.Expr


def reduction(
    x: te.Tensor,
    axes: Collection[int],
    keepdims: bool,
    fold: Fold,
    lanes: int,
    finish: Callable[[Expr], Expr] = lambda value: value,
) -> te.Tensor:
    """``x`` folded along ``axes`` (0 to ndim - 1), and ``finish`` of each result.

    Axes at the end are one row of memory and fold in lanes; those before others leave
    vectors as they are. ``split_axes`` has those that one kernel can fold.
    """
    shape = [int(size) for size in x.shape]
    first = _first_of_row(shape, axes)
    before = [axis for axis in axes if axis < first and shape[axis] > 1]
    folded, kept = x, list(range(len(shape)))
    if before:  # and nothing of a row
        folded = _across(x, before, fold, lanes)
        kept = [axis for axis in kept if axis not in before]
    elif (length := math.prod(shape[first:])) > 1:
        rows = Rows(shape[:first], length, lambda i, k: x(*i, *unravel(k, shape[first:])))
        folded, kept = fold_rows(rows, fold, lanes), kept[:first]
    result = [axis for axis in range(len(shape)) if keepdims or axis not in axes]

    def element(*index: tirx.Var) -> Expr:
        places: dict[int, Expr] = dict.fromkeys(kept, tirx.const(0, "int32"))
        places.update(zip(result, index, strict=True))
        return finish(folded(*[places[axis] for axis in kept]))

    sizes = [1 if axis in axes else shape[axis] for axis in result]
    return te.compute(sizes, element, name="reduced")


def reduction_in_order(
    x: te.Tensor, axes: Collection[int], keepdims: bool, fold: Fold
) -> te.Tensor:
    """``x`` folded along ``axes``, one value after the other: of any type and open shape."""
    along = {axis: te.reduce_axis((0, x.shape[axis]), f"k{axis}") for axis in axes}
    result = [axis for axis in range(x.ndim) if keepdims or axis not in along]

    def element(*index: tirx.Var) -> Expr:
        places = dict(zip(result, index, strict=True)) | along
        return fold.reduce(x(*[places[axis] for axis in range(x.ndim)]), axis=list(along.values()))

    sizes = [1 if axis in along else x.shape[axis] for axis in result]
    return te.compute(sizes, element, name="reduced")


def split_axes(shape: Sequence[int], axes: Collection[int]) -> tuple[list[int], list[int]]:
    """``axes`` to fold first, of rows, and then, across rows; only one of them where one
    kernel does."""
    first = _first_of_row(shape, axes)
    across = [axis for axis in axes if axis < first and shape[axis] > 1]
    row = [axis for axis in axes if axis not in across]
    if not across or math.prod(shape[axis] for axis in row) == 1:
        return sorted(axes), []
    return row, across


def unravel(position: Expr, sizes: Sequence[int]) -> list[Expr]:
    """The index into ``sizes`` of an element in row-major order."""
    if not sizes:
        return []
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
    sizes, last = [shape[axis] for axis in axes], len(shape) - 1
    before = [axis for axis in range(last) if axis not in axes]

    def element(outer: tuple[Expr, ...], position: Expr, place: Expr) -> Expr:
        index = dict(zip(before, outer, strict=True)) | {last: place}
        index.update(zip(axes, unravel(position, sizes), strict=True))
        return x(*[index[axis] for axis in range(last + 1)])

    columns = Columns([shape[axis] for axis in before], math.prod(sizes), shape[-1], element)
    return fold_columns(columns, fold, lanes)
