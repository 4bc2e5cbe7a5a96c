"""CumProd in both directions, with or without the element itself."""

from __future__ import annotations

from tvm import relax

from tvmedge.model.converters.node import Node


def cum_prod(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """CumProd(x, axis)"""
    x, given = node.inputs
    assert x is not None and given is not None
    if not hasattr(given, "value"):
        raise ValueError("its axis must be a constant")
    axis = int(given.value.numpy().item()) % len(x.ty.shape)
    reverse = bool(node.attributes.get("reverse", 0))
    if reverse:
        x = bb.normalize(relax.op.flip(x, axis))
    exclusive = bool(node.attributes.get("exclusive", 0))
    products = bb.normalize(relax.op.cumprod(x, axis, exclusive=exclusive))
    return relax.op.flip(products, axis) if reverse else products
