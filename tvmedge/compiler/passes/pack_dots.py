"""Products of 8-bit integers with constant matrices on weights packed for the core.

before: matmul(x[..., M, K], w[K, N]), of uint8 or int8, in int32
after:  dot_dense(x, w[ceil(N / b), ceil(K / 4), b, 4]), cut to N columns
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax, tirx

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.dots import dot_dense
from tvmedge.compiler.passes.blocked.layout import numbers
from tvmedge.compiler.passes.functions import rewrite_calls
from tvmedge.schedules.rules.cpu.dot_tiles import dot_tile
from tvmedge.schedules.rules.cpu.tiles import Room
from tvmedge.targeting.core import Core, DotUnit


@dataclass(frozen=True)
class PackDots:
    """For a ``core`` with a unit for integers; rows may be of any number, K is known."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        unit = self.core.integer
        if unit is None:
            return module
        return rewrite_calls(
            module, ("relax.matmul",), lambda builder, call: _packed(builder, call, unit)
        )


def _packed(builder: relax.BlockBuilder, call: relax.Call, unit: DotUnit) -> relax.Expr:
    data, array = call.args[0], numbers(call.args[1])
    if array is None or array.dtype != np.int8 or array.ndim != 2 or data.ty.ndim < 2:
        return call
    if str(data.ty.dtype) != unit.dtype or not isinstance(data.ty.shape, relax.ShapeExpr):
        return call
    rows = data.ty.shape.values[-2]
    packed = packed_dots(array, unit)
    known = int(rows) if isinstance(rows, tirx.IntImm) else None
    # Rows are made whole tiles of, blocks of columns are not.
    room = Room(pixels=True, products=packed.shape[1])
    tile = dot_tile(unit, packed.shape[0], 1, known, room)
    columns = array.shape[1]
    return builder.call_te(
        lambda x, w: dot_dense(x, w, tile.columns, columns),
        data,
        relax.const(packed, "int8"),
        primfunc_name_hint="dot_dense",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )


def packed_dots(array: npt.NDArray[np.int8], unit: DotUnit) -> npt.NDArray[np.int8]:
    """[K, N] -> [ceil(N / b), ceil(K / d), b, d], zero where it is longer."""
    reduced, columns = array.shape
    blocks, steps = -(-columns // unit.lanes), -(-reduced // unit.depth)
    whole = np.zeros((steps * unit.depth, blocks * unit.lanes), np.int8)
    whole[:reduced, :columns] = array
    parted = whole.reshape(steps, unit.depth, blocks, unit.lanes)
    return np.ascontiguousarray(parted.transpose(2, 0, 3, 1))
