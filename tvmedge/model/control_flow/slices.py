"""One slice of a tensor, read or written at the place that an iteration's number says.

read:   y = x[.., i, ..]
write:  y[.., i, ..] = x       in place: y is given on from iteration to iteration
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tvm import relax, te, tirx
from tvm.ir import Type
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

OPAQUE = 8  # the operator pattern that FuseOps does not touch


@dataclass(frozen=True)
class Along:
    """The axis that iterations go along, counted from the front, and the way."""

    axis: int
    backward: bool

    def place(self, number: Any, extent: Any) -> Any:
        """Where along the axis iteration ``number`` is."""
        return extent - 1 - number if self.backward else number

    def of(self, part: Type) -> Along:
        """The same, with an axis that was counted from the back of the stack of such parts."""
        return Along(self.axis % (len(part.shape) + 1), self.backward)

    def stack_type(self, part: Type, count: Any) -> Type:
        """The type of ``count`` slices."""
        dims = list(part.shape)
        return relax.TensorType([*dims[: self.axis], count, *dims[self.axis :]], part.dtype)


def read(bb: relax.BlockBuilder, whole: relax.Expr, number: relax.Expr, along: Along) -> relax.Expr:
    """The slice of iteration ``number``, a tensor of int64 without dimensions."""

    def compute(data: te.Tensor, step: te.Tensor) -> te.Tensor:
        place = along.place(step(), data.shape[along.axis])
        shape = [*data.shape[: along.axis], *data.shape[along.axis + 1 :]]
        return te.compute(
            shape, lambda *at: data(*at[: along.axis], place, *at[along.axis :]), name="slice"
        )

    return bb.emit_te(compute, whole, number, primfunc_name_hint="read_slice")


def write(
    bb: relax.BlockBuilder,
    whole: relax.Expr,
    part: relax.Expr,
    number: relax.Expr,
    along: Along,
) -> relax.Expr:
    """``whole`` with its slice of iteration ``number`` overwritten by ``part``."""
    kernel = bb.add_func(_writer(whole.ty, part.ty, along), "write_slice")
    return bb.emit(relax.op.call_tir_inplace(kernel, [whole, part, number], [0], whole.ty))


def _writer(whole: Type, part: Type, along: Along) -> tirx.PrimFunc:
    dims = _own(whole.shape)
    inner = dims[: along.axis] + dims[along.axis + 1 :]
    with IRBuilder() as builder, T.prim_func(is_private=True, s_tir=True):
        T.func_attr({"tirx.is_scheduled": True, "op_pattern": OPAQUE, "tirx.noalias": True})
        target = T.arg("target", T.buffer(dims, str(whole.dtype)))
        source = T.arg("source", T.buffer(inner, str(part.dtype)))
        number = T.arg("number", T.buffer((), "int64"))
        with contextlib.ExitStack() as loops:
            at = [loops.enter_context(T.serial(_wide(extent))) for extent in inner]
            place = along.place(number[()], _wide(dims[along.axis]))
            T.buffer_store(target, source[tuple(at)], [*at[: along.axis], place, *at[along.axis :]])
    return builder.get()


def _own(shape: Sequence[Any]) -> list[Any]:
    """Numbers, and a variable of the kernel's own for every open size."""
    return [
        int(dim) if isinstance(dim, tirx.IntImm) else tirx.Var(f"d{k}", "int64")
        for k, dim in enumerate(shape)
    ]


def _wide(extent: Any) -> Any:
    return tirx.const(extent, "int64") if isinstance(extent, int) else extent
