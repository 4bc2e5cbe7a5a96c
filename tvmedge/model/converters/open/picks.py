"""TopK, OneHot and Hardmax whose k, depth or axis is open."""

from __future__ import annotations

from typing import Any

from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.sizes import dims_of, require_zero, sizes_of
from tvmedge.model.symbolic import Size, expression


def top_k(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """TopK(x, k): all sorted, then the first k of them"""
    own, (k,) = dims_of(node), sizes_of(node, 1, "k")
    axis = int(node.attributes.get("axis", -1)) % len(own)
    excess = node.symbols.most(0, node.symbols.size(k - own[axis]))
    require_zero(bb, node, excess, f"k is more than the {own[axis]} elements of its axis")
    largest = bool(node.attributes.get("largest", 1))
    options = {"axis": axis, "ret_type": "both", "largest": largest, "dtype": "int64"}
    if isinstance(k, int):
        return relax.op.topk(node.inputs[0], k=k, **options)
    everything = bb.emit(relax.op.topk(node.inputs[0], k=0, **options))
    parts = [bb.emit(relax.TupleGetItem(everything, index)) for index in range(2)]
    return relax.Tuple([_first(bb, part, axis, k) for part in parts])


def _first(bb: relax.BlockBuilder, x: relax.Expr, axis: int, count: Size) -> relax.Expr:
    def compute(data: te.Tensor) -> te.Tensor:
        shape = [*data.shape[:axis], expression(count), *data.shape[axis + 1 :]]
        return te.compute(shape, data, name="first")

    return bb.emit_te(compute, x, primfunc_name_hint="first")


def one_hot(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """OneHot(indices, depth, values)"""
    indices, _, values = node.inputs
    known = node.known[1]
    depth = None if known is None else known.elements.item()
    if depth is None or "int" not in str(known and known.dtype):
        raise ValueError("its depth must follow from shapes and constants, not from data")
    rank = len(dims_of(node)) + 1
    axis = int(node.attributes.get("axis", -1)) % rank

    def compute(places: te.Tensor, pair: te.Tensor, count: Any) -> te.Tensor:
        shape = [*places.shape[:axis], expression(depth), *places.shape[axis:]]

        def element(*at: tirx.Var) -> tirx.Expr:
            place = tirx.Cast("int64", places(*at[:axis], *at[axis + 1 :]))
            place = tirx.if_then_else(place < 0, place + count, place)
            return tirx.if_then_else(place == at[axis], pair(1), pair(0))

        return te.compute(shape, element, name="one_hot")

    return bb.emit_te(compute, indices, values, expression(depth), primfunc_name_hint="one_hot")


def hardmax(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Hardmax(x, axis)"""
    x = node.inputs[0]
    axis = int(node.attributes.get("axis", -1)) % len(dims_of(node))
    highest = bb.emit(relax.op.argmax(x, axis=axis, keepdims=True))

    def compute(data: te.Tensor, first: te.Tensor) -> te.Tensor:
        def element(*at: tirx.Var) -> tirx.Expr:
            place = first(*at[:axis], 0, *at[axis + 1 :])
            return tirx.Cast(data.dtype, place == at[axis])

        return te.compute(data.shape, element, name="hardmax")

    return bb.emit_te(compute, x, highest, primfunc_name_hint="hardmax")
