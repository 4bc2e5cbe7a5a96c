"""ConstantOfShape and Range whose lengths hold symbols."""

from __future__ import annotations

import numpy as np
from onnx import numpy_helper
from tvm import relax

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.sizes import shape, sizes_of, tensor_of
from tvmedge.model.symbolic import expression


def constant_of_shape(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """ConstantOfShape(shape, value)"""
    sizes = sizes_of(node, 0, "shape")
    value = node.attributes.get("value")
    fill = np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value)
    return relax.op.full(shape(sizes), relax.const(fill.reshape(())), str(fill.dtype))


def arange(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Range(start, limit, delta) of integers"""
    (start,), (limit,), (step,) = (
        sizes_of(node, k, name) for k, name in enumerate(("start", "limit", "delta"))
    )
    symbols = node.symbols
    if not symbols.proves(step > 0):
        raise ValueError("its delta must be positive where its length is open")
    first, last, stride = expression(start), expression(limit), expression(step)
    return relax.op.arange(first, last, stride, str(tensor_of(node).ty.dtype))
