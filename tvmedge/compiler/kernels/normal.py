"""Softmax and normalisations: what is formed of a row and then divides or shifts it.

Variances are means of squared deviations: the difference E[x^2] - E[x]^2 of two large
numbers would lose what is small between them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels import elementary
from tvmedge.compiler.kernels.fold import (
    MAX,
    SUM,
    Columns,
    Fold,
    Rows,
    fold_columns,
    fold_rows,
)
from tvmedge.compiler.kernels.reduction import unravel
from tvmedge.scheduling.plan import KERNEL

Expr: TypeAlias = tvm.ir.Expr
Scale = Callable[[tuple[tirx.Var, ...]], Expr]


def softmax(x: te.Tensor, axis: int, lanes: int) -> te.Tensor:
    """e^(x - max) over its sum along ``axis``, the last or the one before."""
    shape = [int(size) for size in x.shape]
    before, length = shape[:axis], shape[axis]

    def fold(tensor: te.Tensor, kind: Fold) -> te.Tensor:
        if axis == len(shape) - 1:
            return fold_rows(Rows(before, length, lambda i, k: tensor(*i, k)), kind, lanes)
        columns = Columns(before, length, shape[-1], lambda i, k, place: tensor(*i, k, place))
        return fold_columns(columns, kind, lanes)

    def without(index: tuple[tirx.Var, ...]) -> tuple[tirx.Var, ...]:
        return (*index[:axis], *index[axis + 1 :])

    largest = fold(x, MAX)
    power = te.compute(
        shape, lambda *i: elementary.exp(x(*i) - largest(*without(i))), name="softmax_exp"
    )
    total, one = fold(power, SUM), tirx.const(1.0, x.dtype)
    return te.compute(shape, lambda *i: power(*i) * (one / total(*without(i))), name="softmax")


def softmax_in_order(x: te.Tensor, axis: int) -> te.Tensor:
    """The same for models that round, and for open shapes: one sum after the other."""
    rest = [size for i, size in enumerate(x.shape) if i != axis]
    j, k = (te.reduce_axis((0, x.shape[axis]), name) for name in "jk")

    def along(index: tuple[tirx.Var, ...], position: Expr) -> tuple[Expr, ...]:
        return (*index[:axis], position, *index[axis:])

    def without(index: tuple[tirx.Var, ...]) -> tuple[tirx.Var, ...]:
        return (*index[:axis], *index[axis + 1 :])

    largest = te.compute(rest, lambda *i: te.max(x(*along(i, j)), axis=j), name="softmax_max")
    power = te.compute(
        x.shape, lambda *i: elementary.exp(x(*i) - largest(*without(i))), name="softmax_exp"
    )
    total = te.compute(rest, lambda *i: te.sum(power(*along(i, k)), axis=k), name="softmax_sum")
    return te.compute(x.shape, lambda *i: power(*i) / total(*without(i)), name="softmax")


def layer_norm(
    x: te.Tensor, count: int, epsilon: float, scale: Scale, shift: Scale, lanes: int
) -> te.Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + shift over the last ``count`` axes;
    those before may be open."""
    shape = list(x.shape)
    outer, inner = shape[: len(shape) - count], [int(n) for n in shape[len(shape) - count :]]
    length, split = math.prod(inner), len(outer)
    mean = _mean(Rows(outer, length, lambda i, k: x(*i, *unravel(k, inner))), "mean", lanes)

    def square(index: tuple[Expr, ...], position: Expr) -> Expr:
        away = x(*index, *unravel(position, inner)) - mean(*index)
        return away * away

    variance = _mean(Rows(outer, length, square), "variance", lanes)

    def element(*i: tirx.Var) -> Expr:
        away = x(*i) - mean(*i[:split])
        return away * _inverse_root(variance(*i[:split]), epsilon) * scale(i) + shift(i)

    return te.compute(shape, element, name="layer_norm")


def rms_norm(x: te.Tensor, count: int, epsilon: float, scale: Scale, lanes: int) -> te.Tensor:
    """x / sqrt(mean of x^2 + epsilon) * scale over the last ``count`` axes;
    those before may be open."""
    shape = list(x.shape)
    outer, inner = shape[: len(shape) - count], [int(n) for n in shape[len(shape) - count :]]

    def square(index: tuple[Expr, ...], position: Expr) -> Expr:
        value = x(*index, *unravel(position, inner))
        return value * value

    squares = _mean(Rows(outer, math.prod(inner), square), "square", lanes)

    def element(*i: tirx.Var) -> Expr:
        return x(*i) * _inverse_root(squares(*i[: len(outer)]), epsilon) * scale(i)

    return te.compute(shape, element, name="rms_norm")


def _mean(rows: Rows, name: str, lanes: int) -> te.Tensor:
    total = fold_rows(rows, SUM, lanes)
    length = tirx.const(float(rows.length), total.dtype)
    outer = tuple(rows.outer)
    return te.compute(outer, lambda *i: total(*i) / length, name=name, attrs={KERNEL: "row"})


def _inverse_root(value: Expr, epsilon: float) -> Expr:
    return tirx.const(1.0, "float32") / tirx.sqrt(value + tirx.const(epsilon, "float32"))
