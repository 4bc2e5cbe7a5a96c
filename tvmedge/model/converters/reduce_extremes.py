"""ReduceMax and ReduceMin that see infinities.

TVM's own start from the largest finite number, so that the maximum of -inf
and -inf is -3.4e38; here it is -inf. Integers stay with TVM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import ir, relax, te, tirx

from tvmedge.model.converters.node import Node

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def reduce_max(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """ONNX's ReduceMax of opset 18 and newer."""
    return _reduce(bb, node, relax.op.max, _larger, float("-inf"))


def reduce_min(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """ONNX's ReduceMin of opset 18 and newer."""
    return _reduce(bb, node, relax.op.min, _smaller, float("inf"))


def _larger(a: tirx.Expr, b: tirx.Expr) -> tirx.Expr:
    return tirx.max(a, b)  # TVM counts the parameters of what it is given


def _smaller(a: tirx.Expr, b: tirx.Expr) -> tirx.Expr:
    return tirx.min(a, b)


def _reduce(
    bb: relax.BlockBuilder, node: Node, plain: Any, combine: Callable[..., Any], start: float
) -> relax.Expr:
    x = node.inputs[0]
    assert x is not None
    keep = bool(node.attributes.get("keepdims", 1))
    axes = _axes(node)
    if not axes and node.attributes.get("noop_with_empty_axes", 0):
        return x
    if str(x.ty.dtype) not in _FLOATS or x.ty.ndim < 1:
        return plain(x, axes or None, keep)
    rank = x.ty.ndim
    reduced = sorted({axis % rank for axis in axes}) or list(range(rank))
    reducer = te.comm_reducer(combine, lambda dtype: tirx.const(start, dtype))

    def compute(data: te.Tensor) -> te.Tensor:
        loops = {axis: te.reduce_axis((0, data.shape[axis]), f"k{axis}") for axis in reduced}
        shape = [1 if i in loops else n for i, n in enumerate(data.shape) if keep or i not in loops]

        def element(*point: tirx.Expr) -> tirx.Expr:
            free = iter(point)
            index = []
            for axis in range(rank):
                own = next(free) if keep or axis not in loops else None
                index.append(loops.get(axis, own))
            return reducer(data[tuple(index)], axis=list(loops.values()))

        return te.compute(shape, element, name=node.op)

    return bb.emit_te(compute, x, primfunc_name_hint=node.op.lower())


def _axes(node: Node) -> list[int]:
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is None:
        return []
    if not isinstance(given, ir.GenericConst):
        raise ValueError("its axes must be constants")
    return [int(axis) for axis in given.value.numpy()]
