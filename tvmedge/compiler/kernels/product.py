"""Matrix products whose columns come in blocks of a vector.

Any size but those of a constant weight may be open. Sums are formed over whole tiles of
rows and whole blocks of columns; what lies beyond the result is zero on the way in and
dropped on the way out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import tvm
from tvm import te, tirx

from tvmedge.scheduling.plan import ALGORITHM, CUT, KERNEL

Size: TypeAlias = int | tvm.ir.Expr
Element: TypeAlias = Callable[..., tvm.ir.Expr]


def dense(
    data: te.Tensor, weight: te.Tensor, tile: int, block: int, question: str = ""
) -> te.Tensor:
    """data [..., M, K] times weight [N / (V b), K, V b] -> [..., M, N], in tiles of ``tile``
    rows; b is ``block``, and V the blocks that lie side by side. Where M is one, the axis
    before it counts as rows (steps of a sequence with a batch of one): each would read all
    weights again. ``question``: what knobs were asked for its tile, if they were."""
    groups, _, wide = (int(size) for size in weight.shape)
    beside = wide // block
    columns = groups * wide

    def element(lead: tuple[tirx.Var, ...], k: tirx.Var, c: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        return weight[c // beside, k, c % beside * block + i]

    alone = len(data.shape) > 2 and size_of(data.shape[-2]) == 1
    kind = _Kind(alone, question)
    return _product(data, element, tile, groups * beside, block, columns, kind)


def matmul(left: te.Tensor, right: te.Tensor, tile: int, step: int, block: int) -> te.Tensor:
    """left [..., M, K] times right [..., K, N] -> [..., M, N], in tiles of ``tile`` rows.

    ``right`` has the leading axes of ``left``, or none; its columns are rounded up to a
    multiple of ``step``.
    """
    columns = size_of(right.shape[-1])
    covered = cover(columns, step)
    whole = zeros_beyond(right, -1, covered, "columns")

    def element(lead: tuple[tirx.Var, ...], k: tirx.Var, c: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        index = (*lead[: len(right.shape) - 2], k, c * block + i)
        return whole[index]

    return _product(left, element, tile, covered // block, block, columns, _Kind())


@dataclass(frozen=True)
class _Kind:
    """A product with a constant may be of rows that stand ``alone``, and has its ``question``."""

    alone: bool = False
    question: str = ""


def _product(
    data: te.Tensor,
    weight: Element,
    tile: int,
    blocks: Size,
    block: int,
    columns: Size,
    kind: _Kind,
) -> te.Tensor:
    *lead, height, reduced = (size_of(size) for size in data.shape)
    one = [0] if kind.alone else []
    if kind.alone:
        *lead, height = lead
    rows = cover(height, tile)
    image = zeros_beyond(data, -3 if kind.alone else -2, rows, "pad")
    k = te.reduce_axis((0, reduced), "k")

    def element(*axes: tirx.Var) -> tvm.ir.Expr:
        *outer, m, c, i = axes
        index = (*outer, m, *one, k)
        return te.sum(image[index] * weight(tuple(outer), k, c, i), axis=k)

    attrs = {KERNEL: "product"} | ({ALGORITHM: kind.question} if kind.question else {})
    sums = te.compute((*lead, rows, blocks, block), element, name="product", attrs=attrs)

    def flat(*axes: tirx.Var) -> tvm.ir.Expr:
        index = (*axes[: len(lead) + 1], axes[-1] // block, axes[-1] % block)
        return sums[index]

    return te.compute((*lead, height, *[1] * len(one), columns), flat, name="flat", attrs={CUT: 1})


def zeros_beyond(data: te.Tensor, axis: int, size: Size, name: str) -> te.Tensor:
    """``data`` with zeros up to ``size`` along ``axis``."""
    shape = [size_of(size) for size in data.shape]
    given = shape[axis]
    if isinstance(size, int) and size == given:
        return data
    shape[axis] = size

    def element(*axes: tirx.Var) -> tvm.ir.Expr:
        return tirx.if_then_else(axes[axis] < given, data[axes], tirx.const(0.0, data.dtype))

    return te.compute(shape, element, name=name)


def cover(size: Size, tile: int) -> Size:
    """``size`` rounded up to whole tiles."""
    return (size + (tile - 1)) // tile * tile


def size_of(size: tvm.ir.Expr) -> Size:
    return int(size) if isinstance(size, tirx.IntImm) else size
