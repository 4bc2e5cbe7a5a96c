"""What the handlers of operators know while a function is rewritten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.passes.constants import array_of
from tvmedge.compiler.passes.quantised.lines import line
from tvmedge.compiler.passes.quantised.values import (
    Added,
    Array,
    Coded,
    Grid,
    Known,
    Sums,
    along,
)
from tvmedge.targeting.core import DotUnit

VIEWS = ("reshape", "expand_dims", "squeeze", "permute_dims")


@dataclass
class Context:
    """Values of the function so far, by the variable the original function has for them.

    ``values`` holds what float32 tensors are in integers, ``codes`` what quantised tensors are;
    ``bindings`` what the original function binds its variables to. ``kept`` collects the
    operators that compute with float32 although their arguments were codes.
    """

    builder: relax.BlockBuilder
    unit: DotUnit
    visit: Callable[[relax.Expr], relax.Expr]
    values: dict[relax.Var, Known] = field(default_factory=dict)
    codes: dict[relax.Var, Coded] = field(default_factory=dict)
    bindings: dict[relax.Var, relax.Expr] = field(default_factory=dict)
    kept: dict[relax.Var, str] = field(default_factory=dict)
    _tables: dict[tuple[relax.Expr, bytes], relax.Expr] = field(default_factory=dict)
    _reals: dict[relax.Var, relax.Expr] = field(default_factory=dict)

    def emit(self, expr: relax.Expr) -> relax.Var:
        """Bind ``expr`` in the new function."""
        return self.builder.emit(expr)

    def made_by(self, expr: relax.Expr, name: str) -> relax.Call | None:
        """The call of the operator ``name`` that ``expr`` is bound to, if it is."""
        value = self.bindings.get(expr)
        if isinstance(value, relax.Call) and isinstance(value.op, tvm.ir.Op):
            return value if value.op.name == name else None
        return None

    def coded(self, expr: relax.Expr) -> Coded | None:
        """``expr`` of the original function if codes of a grid stand for it."""
        value = self.values.get(expr)
        return value if isinstance(value, Coded) and value.grid is not None else None

    def as_codes(self, value: Coded) -> relax.Expr:
        """The codes of ``value``'s grid."""
        assert value.grid is not None
        table = value.grid.nearest(value.reals)
        if np.array_equal(table, self.grid(1.0, 0).codes):
            return value.source
        key = value.source, table.tobytes()
        if key not in self._tables:
            straight = line(value.source, table)
            made = self.looked_up(value.source, table) if straight is None else straight
            self._tables[key] = self.emit(made)
        return self._tables[key]

    def looked_up(self, source: relax.Expr, table: Array) -> relax.Expr:
        """A table of all codes, looked up."""
        index = relax.op.astype(source, "int32")
        if not self.unit.unsigned:
            index = relax.op.add(index, relax.const(128, "int32"))
        return relax.op.take(relax.const(table, table.dtype.name), index, axis=0, mode="clip")

    def grid(self, scale: float, zero: int, dtype: str = "") -> Grid:
        """The grid in the type that the core multiplies, of one in ``dtype`` (the same)."""
        ours = self.unit.dtype
        moved = {("int8", "uint8"): 128, ("uint8", "int8"): -128}.get((dtype, ours), 0)
        return Grid(scale, zero + moved, ours)

    def turned(self, codes: relax.Expr, dtype: str) -> relax.Expr:
        """Codes of one 8-bit type in the other, their grid moved by 128."""
        given = str(codes.ty.dtype)
        if given == dtype:
            return codes
        wide = relax.op.astype(codes, "int32")
        moved = relax.op.add(wide, relax.const(128 if dtype == "uint8" else -128, "int32"))
        return self.emit(relax.op.astype(moved, dtype))

    def real(self, variable: relax.Var) -> relax.Expr:
        """The float32 form of a known value."""
        if variable not in self._reals:
            self._reals[variable] = self.emit(self._real(self.values[variable]))
        return self._reals[variable]

    def _real(self, value: Known) -> relax.Expr:
        op = relax.op
        if isinstance(value, Added):
            total = op.add(self._real(value.left), self._real(value.right))
            return _clipped(total, value.low, value.high)
        if isinstance(value, Sums):
            dims = value.total.ty.ndim
            total = op.add(value.total, spread(value.offset.astype(np.int32), value.axis, dims))
            scales = spread(value.scales.astype(np.float32), value.axis, dims)
            return _clipped(op.multiply(op.astype(total, "float32"), scales), value.low, value.high)
        if value.grid is None:
            return self.looked_up(value.source, value.reals)
        codes = self.as_codes(value)
        scale = relax.const(np.float32(value.grid.scale))
        return op.dequantize(codes, scale, relax.const(value.grid.zero, value.grid.dtype), axis=0)

    def array(self, expr: relax.Expr) -> Array | None:
        """The numbers of an expression of constants: dequantised, of another shape or neither."""
        if isinstance(expr, tvm.ir.GenericConst):
            return array_of(expr)
        value = self.bindings.get(expr)
        if not isinstance(value, relax.Call) or not isinstance(value.op, tvm.ir.Op):
            return None
        given = self.array(value.args[0]) if value.args else None
        name = value.op.name.removeprefix("relax.")
        if given is None or name not in ("dequantize", *VIEWS):
            return None
        return self._dequantized(given, value) if name == "dequantize" else _view(given, value)

    def _dequantized(self, codes: Array, call: relax.Call) -> Array | None:
        scale, zero = (self.array(arg) for arg in call.args[1:3])
        if scale is None or zero is None:
            return None
        axis = int(call.attrs.axis)
        moved = codes.astype(np.int64) - along(zero.astype(np.int64), axis, codes.ndim)
        return np.asarray(moved.astype(np.float32) * along(scale, axis, codes.ndim), np.float32)


def _view(array: Array, call: relax.Call) -> Array:
    if call.op.name != "relax.permute_dims":
        return np.asarray(array.reshape([int(size) for size in call.ty.shape.values]))
    axes = call.attrs.axes
    return np.asarray(array.transpose(None if axes is None else [int(axis) for axis in axes]))


def spread(array: Array, axis: int, dims: int) -> relax.Expr:
    """``along`` as a constant."""
    return relax.const(along(array, axis, dims), array.dtype.name)


def _clipped(value: relax.Expr, low: float, high: float) -> Any:
    if np.isfinite(low):
        value = relax.op.maximum(value, relax.const(low, "float32"))
    if np.isfinite(high):
        value = relax.op.minimum(value, relax.const(high, "float32"))
    return value
