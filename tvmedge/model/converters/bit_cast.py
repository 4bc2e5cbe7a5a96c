"""BitCast: the same bits as another type of the same width."""

from __future__ import annotations

from onnx import helper
from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node


def bit_cast(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """BitCast(x, to); bool is a byte that is 0 or 1."""
    (x,) = node.inputs
    assert x is not None
    source, target = str(x.ty.dtype), str(helper.tensor_dtype_to_np_dtype(node.attributes["to"]))
    if source == target:
        return x
    if source == "bool":
        return bit_cast(bb, _with(node, relax.op.astype(x, "uint8"), bb))
    if target == "bool":
        raise ValueError("bits cannot become bool")

    def compute(data: te.Tensor) -> te.Tensor:
        return te.compute(data.shape, lambda *at: tirx.reinterpret(target, data(*at)))

    return bb.emit_te(compute, x, primfunc_name_hint="bit_cast")


def _with(node: Node, x: relax.Expr, bb: relax.BlockBuilder) -> Node:
    return Node(node.op, (bb.normalize(x),), node.attributes, node.outputs, node.opset)
