"""Constants in 8 and 4 bits of floating point become float32 at compile time.

before: DequantizeLinear(w: float8 constant, scale)
after:  Mul(w: float32 constant, scale)

before: Cast(w: float8 constant, float16)
after:  Cast(w: float32 constant, float16)

float32 holds every such number. A zero point of these types can only be zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.q_common import as_float, dims
from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, integer, optional


def is_small_float(kind: ir.DataType | None) -> bool:
    """float8 and float4, of any kind."""
    return kind is not None and kind.name.startswith(("FLOAT8", "FLOAT6", "FLOAT4"))


class SmallFloats(NodeRewrite):
    """Constants only; per tensor and per axis."""

    operators = frozenset({"DequantizeLinear", "Cast", "CastLike"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x = node.inputs[0]
        known = const(x)
        if x is None or known is None or not is_small_float(x.dtype):
            return None
        numbers = known.astype(np.float32)
        if node.op_type == "DequantizeLinear":
            return self._dequantize(tape, node, numbers)
        kind = node.outputs[0].dtype
        if kind is None or is_small_float(kind):
            return None
        return [tape.op("Cast", [constant(tape, numbers)], {"to": int(kind)})]

    def _dequantize(
        self, tape: Tape, node: ir.Node, numbers: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    ) -> Sequence[ir.Value] | None:
        scale, zero = node.inputs[1], const(optional(node, 2))
        shape = dims(scale)
        if scale is None or scale.dtype is None or shape is None or len(shape) > 1:
            return None
        if optional(node, 2) is not None and (zero is None or zero.astype(np.float32).any()):
            return None
        factor = as_float(tape, scale)
        if shape and shape != (1,):
            after = numbers.ndim - 1 - (integer(node, "axis", 1) % numbers.ndim)
            sizes = constant(tape, [*shape, *[1] * after], "int64")
            factor = tape.op("Reshape", [factor, sizes])
        real = tape.op("Mul", [constant(tape, numbers), factor])
        kind = integer(node, "output_dtype", 0) or int(scale.dtype)
        return [tape.op("Cast", [real], {"to": kind})]
