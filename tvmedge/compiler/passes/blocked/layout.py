"""The blocked layout: [N, C, H, W] as [N, blocks, H, W, b], the rest of C zero or unused."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax, sym, te, tirx

from tvmedge.compiler.kernels import moves
from tvmedge.compiler.kernels.blocks import Blocks, Index, only_where
from tvmedge.compiler.kernels.window import sizes_of
from tvmedge.compiler.passes.constants import array_of
from tvmedge.targeting.core import Core

Size: TypeAlias = int | tvm.ir.Expr
Sizes: TypeAlias = tuple[Size, ...]
Batch: TypeAlias = Any  # a number, or an expression where it is open
Shape4 = tuple[Batch, int, Batch, Batch]


@dataclass(frozen=True)
class Blocked:
    """A value in blocks: ``expr`` holds what the model calls a tensor of ``shape`` (NCHW)
    with its channels in ``groups`` that each begin a block."""

    expr: relax.Expr
    shape: Shape4
    groups: int = 1

    @property
    def per_group(self) -> int:
        """Channels of a group."""
        return self.shape[1] // self.groups


INTEGERS = ("uint8", "int8", "int32", "int64")
"""What integers of 8 bits are added up and shifted in."""


def float_shape(expr: relax.Expr) -> Sizes | None:
    """Sizes of a float32 tensor, numbers where they are known; None for any other type."""
    return _sizes(expr, ("float32",))


def _sizes(expr: relax.Expr, types: Collection[str]) -> Sizes | None:
    kind = expr.ty
    if not isinstance(kind, relax.TensorType) or str(kind.dtype) not in types or kind.shape is None:
        return None
    sizes = kind.shape.values if isinstance(kind.shape, relax.ShapeExpr) else ()
    if len(sizes) != kind.ndim:
        return None
    return tuple(int(size) if isinstance(size, tirx.IntImm) else size for size in sizes)


def static_shape(expr: relax.Expr) -> tuple[int, ...] | None:
    """Sizes of a tensor of float32 or integers, None for any other type and where a size is
    open."""
    sizes = _sizes(expr, ("float32", *INTEGERS))
    if sizes is None or not all(isinstance(size, int) for size in sizes):
        return None
    return tuple(size for size in sizes if isinstance(size, int))


def open_sizes(expr: relax.Expr) -> tuple[Batch, ...] | None:
    """``static_shape``, but all sizes except the second, that of the channels, may be open."""
    sizes = _sizes(expr, ("float32", *INTEGERS))
    return None if sizes is None or not all(isinstance(s, int) for s in sizes[1:2]) else sizes


def known(size: Size) -> int | None:
    """``size`` where it is a number."""
    return size if isinstance(size, int) else None


def same(left: Sizes, right: Sizes) -> bool:
    """Whether sizes are equal whatever is open."""
    analyzer = sym.Analyzer()
    return len(left) == len(right) and all(
        a == b
        if isinstance(a, int) and isinstance(b, int)
        else analyzer.can_prove_equal(_wide(a), _wide(b))
        for a, b in zip(left, right, strict=True)
    )


def _wide(size: Size) -> tvm.ir.Expr:
    return tirx.const(size, "int64") if isinstance(size, int) else size


def image_sizes(expr: relax.Expr) -> tuple[Batch, ...] | None:
    """``static_shape``, but the first size, that of the batch, may be open."""
    sizes = _sizes(expr, ("float32", *INTEGERS))
    if sizes is None or not all(isinstance(size, int) for size in sizes[1:]):
        return None
    return sizes


def constant(expr: relax.Expr) -> npt.NDArray[np.float32] | None:
    """The array of a float32 constant, not to be written to."""
    return numbers(expr) if str(getattr(expr.ty, "dtype", "")) == "float32" else None


def numbers(expr: relax.Expr) -> npt.NDArray[Any] | None:
    """``constant`` of float32 or integers."""
    if not isinstance(expr, tvm.ir.GenericConst) or static_shape(expr) is None:
        return None
    return array_of(expr)


@dataclass(frozen=True)
class Order:
    """An order of channels in runs of ``run``: unit u is unit ``source(u)`` of a value."""

    source: Callable[[Index], Index]
    run: int


@dataclass(frozen=True)
class Layout:
    """Moves values between the layouts; a block is a vector of ``core``, unless it has another
    ``length``."""

    builder: relax.BlockBuilder
    core: Core
    length: int = 0

    @property
    def block(self) -> int:
        """The length of a block."""
        return self.length or self.core.block

    def blocks(self, channels: int, groups: int = 1) -> Blocks:
        """How ``channels`` stand in blocks; groups of full blocks need not be told apart."""
        full = channels // groups % self.block == 0
        return Blocks(channels, 1 if full else groups, self.block)

    def of(self, value: Blocked) -> Blocks:
        """How the channels of ``value`` stand."""
        return self.blocks(value.shape[1], value.groups)

    def pack(self, expr: relax.Expr, groups: int = 1) -> Blocked:
        """Plain -> blocked; empty lanes become zero."""
        shape = open_sizes(expr)
        assert shape is not None
        batch, channels, height, width = shape
        blocks = self.blocks(channels, groups)
        if height == width == 1 and not blocks.ragged:
            free = relax.op.reshape(expr, (batch, blocks.number, 1, 1, self.block))
            return Blocked(self.builder.emit(free), (batch, channels, 1, 1))

        def element(
            x: te.Tensor, n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var
        ) -> tvm.ir.Expr:
            channel, inside = blocks.channel(c, i)
            return only_where(inside, x[n, channel, h, w])

        packed = self.builder.emit_te(
            lambda x: te.compute(
                _in_blocks(x, blocks.number, self.block),
                lambda *axes: element(x, *axes),
                name="pack",
            ),
            expr,
            primfunc_name_hint="pack",
        )
        return Blocked(packed, (batch, channels, height, width), blocks.groups)

    def unpack(self, value: Blocked) -> relax.Expr:
        """Blocked -> plain."""
        height, width = value.shape[2:]
        blocks = self.of(value)
        if height == width == 1 and not blocks.ragged:
            return self.builder.emit(relax.op.reshape(value.expr, value.shape))

        def element(
            x: te.Tensor, n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var
        ) -> tvm.ir.Expr:
            block, lane = blocks.place(c)
            return x[n, block, h, w, lane]

        return self.builder.emit_te(
            lambda x: te.compute(
                (sizes_of(x)[0], value.shape[1], *sizes_of(x)[2:4]),
                lambda *axes: element(x, *axes),
                name="unpack",
            ),
            value.expr,
            primfunc_name_hint="unpack",
        )

    def gather(
        self, value: Blocked, channels: int, groups: int = 1, order: Order | None = None
    ) -> Blocked:
        """``channels`` of ``value`` in any order, each of ``groups`` beginning a block."""
        order = order or Order(lambda unit: unit, math.gcd(channels // groups, value.per_group))
        run = math.gcd(order.run, self.block)
        before = Blocks(-(-value.shape[1] // run), value.groups, self.block // run)
        after = Blocks(-(-channels // run), groups, self.block // run)
        batch, _, height, width = value.shape
        moved = self.builder.emit_te(
            lambda x: moves.gather(
                x, _in_blocks(x, after.number, self.block), run, (before, after), order.source
            ),
            value.expr,
            primfunc_name_hint="gather",
        )
        return Blocked(moved, (batch, channels, height, width), groups)

    def concat(self, values: Sequence[Blocked]) -> Blocked:
        """Values with their channels in one group, along their channels."""
        batch, _, height, width = values[0].shape
        counts = [value.shape[1] for value in values]
        number = self.blocks(sum(counts)).number
        joined = self.builder.emit_te(
            lambda *parts: moves.concat(parts, _in_blocks(parts[0], number, self.block), counts),
            *[value.expr for value in values],
            primfunc_name_hint="concat",
        )
        return Blocked(joined, (batch, sum(counts), height, width))


def _in_blocks(image: te.Tensor, number: int, block: int) -> Any:
    """The shape of ``image`` [N, ., H, W, ...] with its channels in ``number`` blocks. Sizes
    of a kernel have to be its operands' own: those of the graph are other variables."""
    batch, _, height, width, *_ = sizes_of(image)
    return batch, number, height, width, block
