"""GatherElements that stays inside its table, whatever indices arrive.

out[i, j] = x[clamp(index[i, j]), j]      negative indices count from the end
"""

from __future__ import annotations

from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node


def gather_elements(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """GatherElements(x, indices, axis)"""
    x, indices = node.inputs
    assert x is not None
    axis = int(node.attributes.get("axis", 0)) % x.ty.ndim

    def compute(data: te.Tensor, places: te.Tensor) -> te.Tensor:
        extent = data.shape[axis]

        def element(*at: tirx.Var) -> tirx.Expr:
            place = tirx.Cast("int64", places(*at))
            place = tirx.if_then_else(place < 0, place + extent, place)
            place = tirx.max(0, tirx.min(place, extent - 1))
            return data(*at[:axis], place, *at[axis + 1 :])

        return te.compute(places.shape, element, name="gather_elements")

    return bb.emit_te(compute, x, indices, primfunc_name_hint="gather_elements")
