"""Relu, Sign, Max, Min and Clip that let NaN through, as ONNX and NumPy do.

before: max(x, 0)    gives 0 for NaN: a comparison with NaN is false
after:  max(0, x)    gives NaN: what is compared stands second
"""

from __future__ import annotations

import numpy as np
from tvm import ir, relax

from tvmedge.model.converters.node import Node


def relu(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Relu(x)"""
    (x,) = node.inputs
    assert x is not None
    return relax.op.maximum(relax.const(0, x.ty.dtype), x)


def sign(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Sign(x)"""
    (x,) = node.inputs
    assert x is not None
    if "float" not in str(x.ty.dtype):
        return relax.op.sign(x)
    return relax.op.where(relax.op.isnan(x), x, bb.normalize(relax.op.sign(x)))


def clip(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Clip(x, low, high); a bound that is NaN bounds nothing."""
    x, low, high = (*node.inputs, None, None)[:3]
    if low is not None:
        x = bb.normalize(relax.op.maximum(low, x))
    return x if high is None else relax.op.minimum(high, x)


def extreme(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Max or Min of two inputs (``prepare`` leaves no other number); a number stands first."""
    a, b = node.inputs
    assert a is not None
    pick = relax.op.maximum if node.op == "Max" else relax.op.minimum
    if "float" not in str(a.ty.dtype) or _is_number(a):
        return pick(a, b)
    if _is_number(b):
        return pick(b, a)
    return relax.op.where(relax.op.isnan(a), a, bb.normalize(pick(a, b)))


def _is_number(x: relax.Expr) -> bool:
    """Whether ``x`` is a constant without NaN."""
    return isinstance(x, ir.GenericConst) and not np.isnan(x.value.numpy()).any()
