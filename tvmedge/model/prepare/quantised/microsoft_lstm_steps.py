"""One direction of a dynamically quantised LSTM, step by step.

gates = x^[t] w + h^ r + b;  c = f * c + i * tanh(g);  h = o * tanh(c)

The hidden state is quantised anew at every step, as onnxruntime does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.conv_integer import cut
from tvmedge.model.prepare.quantised.dynamic_quantize_linear import dynamic
from tvmedge.model.prepare.quantised.microsoft_lstm_weights import Weights
from tvmedge.model.prepare.rewrite import constant, optional


@dataclass(frozen=True)
class Cell:
    """One direction."""

    tape: Tape
    weights: Weights
    index: int
    batch: int

    def state(self, given: ir.Value | None) -> ir.Value:
        """[batch, hidden] of an initial state [directions, batch, hidden]."""
        if given is None:
            return constant(self.tape, np.zeros((self.batch, self.weights.hidden)), "float32")
        part = cut(self.tape, given, 0, self.index, self.index + 1)
        return self.tape.op("Squeeze", [part, constant(self.tape, [0], "int64")])

    def step(
        self, gates: ir.Value, recurrence: ir.Value, scale: ir.Value, h: ir.Value, c: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        op, kept = self.tape.op, {"axis": -1, "num_outputs": 4}
        quantised, h_scale, zero = dynamic(self.tape, h)
        one = constant(self.tape, 1, "float32")
        integers = op("DequantizeLinear", [quantised, one, zero])
        product = op("MatMul", [integers, recurrence])
        total = op("Add", [gates, op("Mul", [product, op("Mul", [h_scale, scale])])])
        parts = self.tape.op_multi_out("Split", [total], kept, num_outputs=4)
        i, o, f = (op("Sigmoid", [part]) for part in parts[:3])
        c = op("Add", [op("Mul", [f, c]), op("Mul", [i, op("Tanh", [parts[3]])])])
        return op("Mul", [o, op("Tanh", [c])]), c


def run(
    cell: Cell, node: ir.Node, x: tuple[ir.Value, ir.Value, ir.Value], order: Sequence[int]
) -> tuple[ir.Value, ir.Value, ir.Value]:
    """All hidden states, the last, and the last cell state; with a dimension of direction."""
    tape, weights, index = cell.tape, cell.weights, cell.index
    one = constant(tape, 1, "float32")
    integers = tape.op("DequantizeLinear", [x[0], one, x[2]])
    kernel, scale = weights.integers(tape, 0, index)
    product = tape.op("MatMul", [integers, kernel])
    gates = tape.op("Mul", [product, tape.op("Mul", [x[1], scale])])
    if weights.bias is not None:
        gates = tape.op("Add", [gates, constant(tape, weights.bias[index], "float32")])
    by_step = _split(tape, gates, len(order))
    recurrence, scale = weights.integers(tape, 1, index)
    h, c = cell.state(optional(node, 5)), cell.state(optional(node, 6))
    states = {}
    for step in order:
        h, c = cell.step(by_step[step], recurrence, scale, h, c)
        states[step] = tape.op("Unsqueeze", [h, constant(tape, [0, 1], "int64")])
    every = tape.op("Concat", [states[step] for step in sorted(states)], {"axis": 0})
    first = constant(tape, [0], "int64")
    return every, tape.op("Unsqueeze", [h, first]), tape.op("Unsqueeze", [c, first])


def _split(tape: Tape, gates: ir.Value, steps: int) -> list[ir.Value]:
    """[steps, batch, gates] as one [batch, gates] a step, by one kernel for all."""
    parts = [gates]
    if steps > 1:
        kept = {"axis": 0, "num_outputs": steps}
        parts = list(tape.op_multi_out("Split", [gates], kept, num_outputs=steps))
    first = constant(tape, [0], "int64")
    return [tape.op("Squeeze", [part, first]) for part in parts]
