"""Products with constant matrices on weights packed for the core's vectors.

before: matmul(x[..., M, K], w[K, N])
after:  dense(x, w[ceil(N / b) / V, K, V b]), cut to N columns; V blocks lie side by side
        where that pairs the loads of a tile (ARM), all of them for items of a GPU

Products of two computed matrices keep their layout. All sizes of what is computed may be
open; float32 only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.product import dense, matmul
from tvmedge.compiler.passes.blocked.layout import Size, Sizes, constant, float_shape, same
from tvmedge.compiler.passes.functions import rewrite_calls
from tvmedge.schedules.rules.cpu.covers import Covered, Sums, covered
from tvmedge.schedules.rules.cpu.tiles import OPEN_COLUMNS, Room, Tile, product_tile
from tvmedge.scheduling.knobs import Defaults, Knobs
from tvmedge.targeting.core import Core

Weights: TypeAlias = npt.NDArray[np.float32]

FEW = 4  # rows for which a copy in whole blocks costs as much as the product


@dataclass(frozen=True)
class PackProducts:
    """Blocks are as long as a vector of ``core``; ``knobs`` may choose how sums are covered."""

    core: Core
    knobs: Knobs = field(default_factory=Defaults)

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        return rewrite_calls(module, ("relax.matmul",), _Pack(self.core, self.knobs))


@dataclass(frozen=True)
class _Pack:
    core: Core
    knobs: Knobs

    def __call__(self, builder: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        left, right = (float_shape(arg) for arg in call.args)
        if left is None or right is None or len(left) < 2 or len(right) < 2:
            return call
        weight = constant(call.args[1])
        if weight is not None and weight.ndim == 2:
            return self._dense(builder, call.args[0], left, weight)
        if len(right) == 2 or same(left[:-2], right[:-2]):
            return self._matmul(builder, call, left[-2], right[-1])
        return call

    def _dense(
        self,
        builder: relax.BlockBuilder,
        data: relax.Expr,
        shape: Sizes,
        weight: Weights,
    ) -> relax.Expr:
        columns = weight.shape[1]
        block = self.core.block
        blocks = -(-columns // block)
        alone = len(shape) > 2 and shape[-2] == 1
        found = self._covered(blocks, shape[-3] if alone else shape[-2], weight.shape[0])
        tile = found.tile
        wide = block * (tile.vectors if self.core.lane_operand else 1)
        if self.core.items:  # those side by side have neighbouring columns
            wide = block * blocks
        packed = _packed(weight, blocks * block // wide, wide)
        result = builder.call_te(
            lambda x, w: dense(x, w, tile.columns, block, found.question),
            data,
            relax.const(packed),
            primfunc_name_hint="dense",
            primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
        )
        if columns == blocks * block:
            return result
        axis = len(shape) - 1
        return relax.op.strided_slice(result, axes=[axis], begin=[0], end=[columns])

    def _matmul(
        self, builder: relax.BlockBuilder, call: relax.Call, rows: Size, columns: Size
    ) -> relax.Expr:
        block = self.core.block
        known = isinstance(columns, int)
        ragged = not known or columns % block
        if ragged and isinstance(rows, int) and rows < FEW:
            return call
        step = block if known else max(block, OPEN_COLUMNS)
        tile = self._tile(-(-columns // block) if known else None, rows).columns
        return builder.call_te(
            lambda x, y: matmul(x, y, tile, step, block),
            *call.args,
            primfunc_name_hint="matmul",
            primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
        )

    def _covered(self, blocks: int, rows: Size, reduced: int) -> Covered:
        if not isinstance(rows, int):
            return Covered("", self._tile(blocks, rows))
        return covered(self.core, Sums(blocks, 1, rows, reduced, Room(pixels=True)), self.knobs)

    def _tile(self, blocks: int | None, rows: Size) -> Tile:
        known = rows if isinstance(rows, int) else None
        return product_tile(self.core, blocks, known, ragged=True)


def _packed(weight: Weights, strips: int, wide: int) -> Weights:
    """[K, N] -> [strips, K, wide], what lies beyond N zero."""
    result = np.empty((strips, weight.shape[0], wide), weight.dtype)
    for strip in range(strips):
        part = weight[:, strip * wide : (strip + 1) * wide]
        result[strip, :, : part.shape[1]] = part
        result[strip, :, part.shape[1] :] = 0
    return result
