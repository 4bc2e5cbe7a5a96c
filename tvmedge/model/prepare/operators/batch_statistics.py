"""BatchNormalization in training mode: the statistics of the batch at hand.

before: y, mean, var = BatchNormalization(x, scale, bias, mean0, var0, training_mode=1)
after:  m = ReduceMean(x); v = ReduceMean((x - m)^2)     over all axes but the channels'
        y = (x - m) * (scale / sqrt(v + epsilon)) + bias
        mean = mean0 * momentum + m * (1 - momentum), and var likewise
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, number

_HALF = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


class BatchStatistics(NodeRewrite):
    """Computed in float32 where the type is smaller."""

    operators = frozenset({"BatchNormalization"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, *parameters = node.inputs
        if not integer(node, "training_mode", 0) or x is None or x.shape is None:
            return None
        if x.dtype is None or any(value is None or value.dtype is None for value in parameters):
            return None
        kind = ir.DataType.FLOAT if x.dtype in _HALF else x.dtype
        wide = _cast(tape, x, kind)
        scale, bias, *running = (_cast(tape, value, kind) for value in parameters if value)
        over = [axis for axis in range(len(x.shape)) if axis != 1]
        axes = constant(tape, over, "int64")
        column = constant(tape, [1, -1, *[1] * (len(x.shape) - 2)], "int64")
        mean = tape.op("ReduceMean", [wide, axes])
        apart = tape.op("Sub", [wide, mean])
        variance = tape.op("ReduceMean", [tape.op("Mul", [apart, apart]), axes])
        epsilon = constant(tape, number(node, "epsilon", 1e-5), kind.numpy())
        deviation = tape.op("Sqrt", [tape.op("Add", [variance, epsilon])])
        gain = tape.op("Div", [tape.op("Reshape", [scale, column]), deviation])
        shift = tape.op("Reshape", [bias, column])
        y = tape.op("Add", [tape.op("Mul", [apart, gain]), shift])
        outputs = [_cast(tape, y, x.dtype)]
        momentum = number(node, "momentum", 0.9)
        for old, now, given in zip(running, (mean, variance), parameters[2:], strict=True):
            assert given is not None and given.dtype is not None
            flat = tape.op("Reshape", [now, constant(tape, [-1], "int64")])
            kept = tape.op("Mul", [old, constant(tape, momentum, kind.numpy())])
            rest = np.float64(1) - momentum
            added = tape.op("Mul", [flat, constant(tape, rest, kind.numpy())])
            outputs.append(_cast(tape, tape.op("Add", [kept, added]), given.dtype))
        return outputs[: len(node.outputs)]


def _cast(tape: Tape, value: ir.Value, kind: ir.DataType) -> ir.Value:
    return value if value.dtype == kind else tape.op("Cast", [value], {"to": int(kind)})
