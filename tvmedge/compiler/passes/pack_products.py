"""Products with constant matrices on weights packed for the core's vectors.

before: matmul(x[..., M, K], w[K, N])
after:  dense(x, w[ceil(N / b), K, b]), cut to N columns

Products of two computed matrices keep their layout, where N is whole vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.product import dense, matmul
from tvmedge.compiler.passes.blocked.layout import constant, static_shape
from tvmedge.compiler.passes.functions import rewrite
from tvmedge.schedules.rules.cpu.tiles import register_tile
from tvmedge.targeting.core import Core


@dataclass(frozen=True)
class PackProducts:
    """Blocks are as long as a vector of ``core``."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        return rewrite(module, _Mutator(module, self.core))


@relax.expr_functor.mutator
class _Mutator(relax.PyExprMutator):  # type: ignore[misc]
    def __init__(self, module: tvm.IRModule, core: Core) -> None:
        super().__init__(module)
        self.core = core

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = self.visit_expr_post_order(call)
        if not isinstance(call.op, tvm.ir.Op) or call.op.name != "relax.matmul":
            return call
        left, right = (static_shape(arg) for arg in call.args)
        if left is None or right is None or len(left) < 2 or len(right) < 2:
            return call
        weight = constant(call.args[1])
        if weight is not None and weight.ndim == 2:
            return self._dense(call.args[0], left, weight)
        if left[:-2] == right[:-2] and right[-1] % self.core.block == 0:
            return self._matmul(call, left, right)
        return call

    def _dense(
        self,
        data: relax.Expr,
        shape: tuple[int, ...],
        weight: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    ) -> relax.Expr:
        reduced, columns = weight.shape
        block = self.core.block
        blocks = -(-columns // block)
        whole = np.zeros((reduced, blocks * block), weight.dtype)
        whole[:, :columns] = weight
        packed = whole.reshape(reduced, blocks, block).transpose(1, 0, 2)
        rows = self._rows(blocks, shape[-2])
        result = self.builder_.call_te(
            lambda x, w: dense(x, w, rows),
            data,
            relax.const(np.ascontiguousarray(packed)),
            primfunc_name_hint="dense",
            primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
        )
        if columns == blocks * block:
            return result
        axis = len(shape) - 1
        return relax.op.strided_slice(result, axes=[axis], begin=[0], end=[columns])

    def _matmul(
        self, call: relax.Call, left: tuple[int, ...], right: tuple[int, ...]
    ) -> relax.Expr:
        block = self.core.block
        rows = self._rows(right[-1] // block, left[-2])
        return self.builder_.call_te(
            lambda x, y: matmul(x, y, rows, block),
            *call.args,
            primfunc_name_hint="matmul",
            primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
        )

    def _rows(self, blocks: int, rows: int) -> int:
        """``rows`` rounded up to whole tiles."""
        tile = register_tile(self.core, blocks, 1, rows, ragged=True)
        return int(tile.cover(1, rows)[1])
