"""ConstantOfShape, EyeLike and Range whose lengths hold symbols."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper
from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.sizes import shape, sizes_of, tensor_of
from tvmedge.model.symbolic import expression


def constant_of_shape(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """ConstantOfShape(shape, value)"""
    sizes = sizes_of(node, 0, "shape")
    value = node.attributes.get("value")
    fill = np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value)
    return relax.op.full(shape(sizes), relax.const(fill.reshape(())), str(fill.dtype))


def eye_like(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """EyeLike(x, dtype, k)"""
    x, k = tensor_of(node), int(node.attributes.get("k", 0))
    given = node.attributes.get("dtype")
    dtype = str(x.ty.dtype) if given is None else helper.tensor_dtype_to_np_dtype(given).name

    def compute(like: te.Tensor) -> te.Tensor:
        def element(row: tirx.Var, column: tirx.Var) -> tirx.Expr:
            return tirx.Cast(dtype, column - row == k)

        return te.compute(like.shape, element, name="eye")

    return bb.emit_te(compute, x, primfunc_name_hint="eye")


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
