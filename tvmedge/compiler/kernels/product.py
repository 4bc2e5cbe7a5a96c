"""Matrix products whose columns come in blocks of a vector."""

from __future__ import annotations

from collections.abc import Callable

import tvm
from tvm import te, tirx

from tvmedge.scheduling.plan import KERNEL

Element = Callable[..., tvm.ir.Expr]


def dense(data: te.Tensor, weight: te.Tensor, rows: int) -> te.Tensor:
    """data [..., M, K] times weight [N / b, K, b] -> [..., M, N].

    Sums are formed over ``rows`` >= M rows, a whole number of tiles, and those
    beyond M dropped.
    """
    blocks, _, block = (int(size) for size in weight.shape)
    return _product(data, lambda lead, k, c, i: weight[c, k, i], rows, blocks, block)


def matmul(left: te.Tensor, right: te.Tensor, rows: int, block: int) -> te.Tensor:
    """left [..., M, K] times right [..., K, N] of the same leading axes, N whole blocks."""
    blocks = int(right.shape[-1]) // block

    def element(lead: tuple[tirx.Var, ...], k: tirx.Var, c: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        index = (*lead, k, c * block + i)
        return right[index]

    return _product(left, element, rows, blocks, block)


def _product(data: te.Tensor, weight: Element, rows: int, blocks: int, block: int) -> te.Tensor:
    *lead, height, reduced = (int(size) for size in data.shape)
    image = data if rows == height else _more_rows(data, rows)
    k = te.reduce_axis((0, reduced), "k")

    def element(*axes: tirx.Var) -> tvm.ir.Expr:
        *outer, m, c, i = axes
        index = (*outer, m, k)
        return te.sum(image[index] * weight(tuple(outer), k, c, i), axis=k)

    sums = te.compute(
        (*lead, rows, blocks, block), element, name="product", attrs={KERNEL: "product"}
    )

    def flat(*axes: tirx.Var) -> tvm.ir.Expr:
        index = (*axes[:-1], axes[-1] // block, axes[-1] % block)
        return sums[index]

    return te.compute((*lead, height, blocks * block), flat, name="flat")


def _more_rows(data: te.Tensor, rows: int) -> te.Tensor:
    *lead, height, reduced = (int(size) for size in data.shape)

    def element(*axes: tirx.Var) -> tvm.ir.Expr:
        return tirx.if_then_else(axes[-2] < height, data[axes], tirx.const(0.0, data.dtype))

    return te.compute((*lead, rows, reduced), element, name="pad")
