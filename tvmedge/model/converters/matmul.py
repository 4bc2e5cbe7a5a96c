"""MatMul of half-precision numbers with sums in float32.

TVM sums in the type of the inputs: eleven bits that lose a little with every
term. onnxruntime and ONNX's evaluator sum in float32 and round once.
"""

from __future__ import annotations

from tvm import relax

from tvmedge.model.converters.node import Node

_HALF = ("float16", "bfloat16")


def matmul(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """ONNX's MatMul."""
    a, b = node.inputs
    assert a is not None and b is not None
    dtype = str(a.ty.dtype)
    if dtype not in _HALF:
        return relax.op.matmul(a, b)
    return relax.op.astype(bb.normalize(relax.op.matmul(a, b, out_dtype="float32")), dtype)
