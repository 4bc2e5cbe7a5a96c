"""The weights of onnxruntime's DynamicQuantizeLSTM.

w is [directions, inputs, 4 * hidden] in int8 or uint8, r the same with hidden
rows; their scales and zero points are [directions] or [directions, 4 * hidden].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import const, constant, optional

Array = npt.NDArray[np.generic]
Matrix = tuple[Array, Array, Array]  # weights, scale, zero point


@dataclass(frozen=True)
class Weights:
    """``matrices`` are w and r; ``bias`` is the sum of both, [directions, 4 * hidden]."""

    matrices: tuple[Matrix, Matrix]
    bias: Array | None

    @property
    def directions(self) -> int:
        return int(self.matrices[0][0].shape[0])

    @property
    def hidden(self) -> int:
        return int(self.matrices[1][0].shape[1])

    def integers(self, tape: Tape, which: int, direction: int) -> tuple[ir.Value, ir.Value]:
        """w - zero of one direction as float32, and its scale."""
        weights, scale, zero = (part[direction] for part in self.matrices[which])
        inputs = [constant(tape, weights), constant(tape, np.ones(scale.shape), "float32")]
        integers = tape.op("DequantizeLinear", [*inputs, constant(tape, zero)], {"axis": 1})
        return integers, constant(tape, scale, "float32")

    def transposed(self, tape: Tape, which: int) -> ir.Value:
        """Dequantised and in the layout of LSTM, [directions, 4 * hidden, inputs]."""
        weights, scale, zero = self.matrices[which]
        directions, inputs, gates = weights.shape
        rows = weights.transpose(0, 2, 1).reshape(-1, inputs)
        spread = [
            np.broadcast_to(part.reshape(directions, -1), (directions, gates)).reshape(-1)
            for part in (scale, zero)
        ]
        operands = [constant(tape, part) for part in (rows, *spread)]
        real = tape.op("DequantizeLinear", operands, {"axis": 0})
        return tape.op("Reshape", [real, constant(tape, [directions, gates, inputs], "int64")])


def read_weights(node: ir.Node) -> Weights | None:
    """None where one of them is not a constant."""
    w, r, w_scale, w_zero, r_scale, r_zero = (
        const(optional(node, place)) for place in (1, 2, 8, 9, 10, 11)
    )
    if w is None or r is None or w_scale is None or r_scale is None:
        return None
    w_zero, r_zero = _zeros(w_zero, w_scale, w), _zeros(r_zero, r_scale, r)
    b = optional(node, 3)
    known = const(b)
    if b is not None and known is None:
        return None
    bias = None if known is None else np.asarray(sum(np.split(known.astype("float32"), 2, axis=1)))
    return Weights(((w, w_scale, w_zero), (r, r_scale, r_zero)), bias)


def _zeros(zero: Array | None, scale: Array, weights: Array) -> Array:
    return np.zeros(scale.shape, weights.dtype) if zero is None else zero.reshape(scale.shape)
