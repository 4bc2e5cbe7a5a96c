"""ConvInteger as a float32 Conv that is exact.

before: ConvInteger(x, w, x_zero, w_zero)
after:  Cast(Conv(DequantizeLinear(x, 1, x_zero), DequantizeLinear(w, 1, w_zero)), int32)

A sum that float32 cannot hold exactly is cut along the input channels and the
parts are added in int32; in a grouped convolution it is computed in float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.q_common import FLOAT, INT32, dims, farthest, shifted
from tvmedge.model.prepare.quantised.q_exact import pieces
from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, integer, optional

DOUBLE = int(ir.DataType.DOUBLE)


class ConvInteger(NodeRewrite):
    """Exact for any weights, constant or not."""

    operators = frozenset({"ConvInteger"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, w = node.inputs[:2]
        shape = dims(w)
        if x is None or w is None or shape is None or x.dtype is None:
            return None
        x_zero, w_zero = optional(node, 2), optional(node, 3)
        data, weights = shifted(tape, x, x_zero, 1), shifted(tape, w, w_zero, 0)
        if data is None or weights is None:
            return None
        ranges = pieces(_costs(w, w_zero, shape), farthest(x.dtype, x_zero))
        whole = ranges is not None and len(ranges) == 1
        if ranges is None or (not whole and integer(node, "group", 1) != 1):
            wide = [tape.op("Cast", [v], {"to": DOUBLE}) for v in (data, weights)]
            return [tape.op("Cast", [_conv(tape, node, *wide)], {"to": INT32})]
        if whole:
            sums = [_conv(tape, node, data, weights)]
        else:
            sums = []
            for start, stop in ranges:
                part, kernel = cut(tape, x, 1, start, stop), cut(tape, w, 1, start, stop)
                data, weights = shifted(tape, part, x_zero, 1), shifted(tape, kernel, w_zero, 0)
                assert data is not None and weights is not None
                sums.append(_conv(tape, node, data, weights))
        return [total(tape, node.outputs[0], sums)]


def _costs(w: ir.Value, zero: ir.Value | None, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Absolute weights by output channel and input channel."""
    outputs, channels, *kernel = shape
    known, zero_known = const(w), 0 if zero is None else const(zero)
    if known is None or zero_known is None:
        assert w.dtype is not None
        return np.full((1, channels), int(np.prod(kernel)) * farthest(w.dtype, zero), np.int64)
    zeros = np.asarray(zero_known, np.int64).reshape(-1, *[1] * (len(shape) - 1))
    distances = np.abs(known.astype(np.int64) - zeros)
    return np.asarray(distances.reshape(outputs, channels, -1).sum(axis=2))


def _conv(tape: Tape, node: ir.Node, data: ir.Value, weights: ir.Value) -> ir.Value:
    return tape.op("Conv", [data, weights], dict(node.attributes))


def cut(tape: Tape, value: ir.Value, axis: int, start: int, stop: int) -> ir.Value:
    """A slice along one axis; of a constant, a constant."""
    known = const(value)
    if known is not None:
        return constant(tape, known.take(range(start, stop), axis))
    bounds = [constant(tape, [n], "int64") for n in (start, stop, axis)]
    part = tape.op("Slice", [value, *bounds])
    if value.dtype is not None:
        part.dtype = value.dtype
    return part


def total(tape: Tape, output: ir.Value, sums: Sequence[ir.Value]) -> ir.Value:
    """Exact float32 sums added up as int32, the type of ``output``.

    Where ``output`` is only ever cast to float32 it becomes float32 itself, as
    long as that rounds once as the cast would.
    """
    users = output.uses()
    becomes_float = users and all(_to_float(user) for user, _ in users)
    if becomes_float and len(sums) <= 2 and not output.is_graph_output():
        output.dtype = ir.DataType.FLOAT
        return sums[0] if len(sums) == 1 else tape.op("Add", sums)
    result = tape.op("Cast", [sums[0]], {"to": INT32})
    for part in sums[1:]:
        result = tape.op("Add", [result, tape.op("Cast", [part], {"to": INT32})])
    return result


def _to_float(node: ir.Node) -> bool:
    return node.op_type == "Cast" and node.attributes["to"].as_int() == FLOAT
