"""The blocked layout: [N, C, H, W] as [N, ceil(C / b), H, W, b], the rest of C zero or unused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax, te, tirx

from tvmedge.targeting.core import Core

Shape4 = tuple[int, int, int, int]
Size: TypeAlias = int | tvm.ir.Expr
Sizes: TypeAlias = tuple[Size, ...]


@dataclass(frozen=True)
class Blocked:
    """A value in blocks: ``expr`` holds what the model calls a tensor of ``shape`` (NCHW)."""

    expr: relax.Expr
    shape: Shape4


def float_shape(expr: relax.Expr) -> Sizes | None:
    """Sizes of a float32 tensor, numbers where they are known; None for any other type."""
    kind = expr.ty
    if not isinstance(kind, relax.TensorType) or str(kind.dtype) != "float32" or kind.shape is None:
        return None
    sizes = kind.shape.values if isinstance(kind.shape, relax.ShapeExpr) else ()
    if len(sizes) != kind.ndim:
        return None
    return tuple(int(size) if isinstance(size, tirx.IntImm) else size for size in sizes)


def static_shape(expr: relax.Expr) -> tuple[int, ...] | None:
    """Sizes of a float32 tensor, None for any other type and where a size is open."""
    sizes = float_shape(expr)
    if sizes is None or not all(isinstance(size, int) for size in sizes):
        return None
    return tuple(size for size in sizes if isinstance(size, int))


def constant(expr: relax.Expr) -> npt.NDArray[np.float32] | None:
    """The array of a float32 constant."""
    if not isinstance(expr, tvm.ir.GenericConst) or static_shape(expr) is None:
        return None
    return np.asarray(expr.value.numpy())


@dataclass(frozen=True)
class Layout:
    """Moves values between the layouts; a block is a vector of ``core``."""

    builder: relax.BlockBuilder
    core: Core

    @property
    def block(self) -> int:
        """The length of a block."""
        return self.core.block

    def blocks(self, channels: int) -> int:
        """Blocks that hold ``channels``."""
        return -(-channels // self.block)

    def ragged(self, channels: int) -> bool:
        """Whether the last block is not full."""
        return bool(channels % self.block)

    def pack(self, expr: relax.Expr) -> Blocked:
        """Plain -> blocked; the rest of the last block becomes zero."""
        shape = static_shape(expr)
        assert shape is not None
        batch, channels, height, width = shape
        block, blocks = self.block, self.blocks(channels)
        if height == width == 1 and not self.ragged(channels):
            free = relax.op.reshape(expr, (batch, blocks, 1, 1, block))
            return Blocked(self.builder.emit(free), (batch, channels, 1, 1))

        def element(
            x: te.Tensor, n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var
        ) -> tvm.ir.Expr:
            value = x[n, c * block + i, h, w]
            if not self.ragged(channels):
                return value
            return tirx.if_then_else(c * block + i < channels, value, tirx.const(0.0, x.dtype))

        packed = self.builder.emit_te(
            lambda x: te.compute(
                (batch, blocks, height, width, block),
                lambda *axes: element(x, *axes),
                name="pack",
            ),
            expr,
            primfunc_name_hint="pack",
        )
        return Blocked(packed, (batch, channels, height, width))

    def unpack(self, value: Blocked) -> relax.Expr:
        """Blocked -> plain."""
        batch, channels, height, width = value.shape
        block = self.block
        if height == width == 1 and not self.ragged(channels):
            return self.builder.emit(relax.op.reshape(value.expr, value.shape))
        return self.builder.emit_te(
            lambda x: te.compute(
                (batch, channels, height, width),
                lambda n, c, h, w: x[n, c // block, h, w, c % block],
                name="unpack",
            ),
            value.expr,
            primfunc_name_hint="unpack",
        )

    def pack_channels(self, array: npt.NDArray[np.float32], rest: float) -> npt.NDArray[np.float32]:
        """A constant [n, C, h, w] in blocks, ``rest`` where the last block is not full."""
        batch, channels, height, width = array.shape
        blocks = self.blocks(channels)
        whole = np.full((batch, blocks * self.block, height, width), rest, array.dtype)
        whole[:, :channels] = array
        parted = whole.reshape(batch, blocks, self.block, height, width)
        return np.ascontiguousarray(parted.transpose(0, 1, 3, 4, 2))
