"""Cast of floats to whole numbers: what is not finite becomes 0, what is too large wraps.

before: y = where(not isfinite(x), 0, x), int64, m = floor_mod(y, 2**32),
        where(m >= 2**31, m - 2**32, m), int32
after:  where(abs(x) < inf, x, 0), int64, int32         (a shorter integer keeps its low bits)

The importer's chain uses each value twice at every step: inlined, it was an expression
that TVM took up to 9 s to simplify.
"""

from __future__ import annotations

import math

from onnx import helper
from tvm import ir, relax
from tvm.relax.frontend.onnx import onnx_frontend

from tvmedge.model.converters.node import Node

FLOATS = ("float16", "float32", "float64")


def cast(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Cast(x, to); all but floats to integers stay with the importer."""
    (x,) = node.inputs
    kind = getattr(x, "ty", None)
    source = str(kind.dtype) if isinstance(kind, relax.TensorType) else ""
    target = helper.tensor_dtype_to_np_dtype(node.attributes["to"])
    if source not in FLOATS or target.kind not in "iu" or isinstance(x, ir.GenericConst):
        convert = onnx_frontend.Cast.get_converter(node.opset)
        return convert(bb, onnx_frontend.onnx_input(node.inputs), dict(node.attributes), [{}, {}])
    finite = bb.normalize(
        relax.op.less(bb.normalize(relax.op.abs(x)), relax.const(math.inf, source))
    )
    number = bb.normalize(relax.op.where(finite, x, relax.const(0, source)))
    if target.itemsize < 8:
        wide = "int64" if target.itemsize == 4 else "int32"
        number = bb.normalize(relax.op.astype(number, wide))
    return relax.op.astype(number, target.name)
