"""onnxruntime's DynamicQuantizeLSTM, step by step or as an LSTM.

before: com.microsoft.DynamicQuantizeLSTM(x, w, r, b, lens, h0, c0, p, ws, wz, rs, rz)
after:  for each direction and step, with a^ the dynamically quantised a:
        gates = x^[t] w + h^ r + b;  c = f * c + i * tanh(g);  h = o * tanh(c)

That is what the operator computes: the hidden state is quantised anew at every
step. The steps are alike, so their kernels are shared. Where there are more
than ``MAX_STEPS``, or sequence lengths, peepholes, clipping or other
activations, it becomes an LSTM in float32 on x^ with dequantised weights,
whose hidden state is not quantised: closer to the model before quantisation,
about 1e-3 away from onnxruntime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.conv_integer import cut
from tvmedge.model.prepare.dynamic_quantize_linear import dynamic
from tvmedge.model.prepare.microsoft_lstm_weights import Weights, read_weights
from tvmedge.model.prepare.q_common import dims
from tvmedge.model.prepare.rewrite import MICROSOFT, NodeRewrite, constant, optional, text

MAX_STEPS = 128
PLAIN = frozenset({"direction", "hidden_size"})


class MicrosoftDynamicLSTM(NodeRewrite):
    """Constant weights, static shape of x."""

    operators = frozenset({"DynamicQuantizeLSTM"})
    domain = MICROSOFT

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, shape = node.inputs[0], dims(node.inputs[0])
        weights = read_weights(node)
        if x is None or shape is None or weights is None:
            return None
        steps, batch, _ = shape
        outputs = _shapes(steps, batch, weights)
        if _is_simple(node) and steps * weights.directions <= MAX_STEPS:
            values = _unrolled(tape, node, weights, steps, batch)
        else:
            values = _plain(tape, node, weights)
        for value, sizes in zip(values, outputs, strict=False):
            value.dtype, value.shape = ir.DataType.FLOAT, ir.Shape(sizes)
        return values[: len(node.outputs)]


def _is_simple(node: ir.Node) -> bool:
    attributes = {
        name
        for name, value in node.attributes.items()
        if not (name == "input_forget" and not value.as_int())
    }
    return attributes <= PLAIN and optional(node, 4) is None and optional(node, 7) is None


def _shapes(steps: int, batch: int, weights: Weights) -> tuple[tuple[int, ...], ...]:
    state = (weights.directions, batch, weights.hidden)
    return (steps, *state), state, state


def _plain(tape: Tape, node: ir.Node, weights: Weights) -> list[ir.Value]:
    assert node.inputs[0] is not None
    quantised, scale, zero = dynamic(tape, node.inputs[0])
    x = tape.op("DequantizeLinear", [quantised, scale, zero])
    inputs = [x, weights.transposed(tape, 0), weights.transposed(tape, 1), *node.inputs[3:8]]
    count = max(len(node.outputs), 2)
    return list(tape.op_multi_out("LSTM", inputs, dict(node.attributes), num_outputs=count))


def _unrolled(
    tape: Tape, node: ir.Node, weights: Weights, steps: int, batch: int
) -> list[ir.Value]:
    assert node.inputs[0] is not None
    quantised = dynamic(tape, node.inputs[0])
    direction = text(node, "direction", "forward")
    runs = []
    for index in range(weights.directions):
        cell = _Cell(tape, weights, index, batch)
        reverse = direction == "reverse" or index == 1
        order = range(steps)[::-1] if reverse else range(steps)
        runs.append(_run(cell, node, quantised, order))
    stack = [[run[part] for run in runs] for part in range(3)]
    return [
        tape.op("Concat", parts, {"axis": 1 if place == 0 else 0})
        for place, parts in enumerate(stack)
    ]


@dataclass(frozen=True)
class _Cell:
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


def _run(
    cell: _Cell, node: ir.Node, x: tuple[ir.Value, ir.Value, ir.Value], order: Sequence[int]
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
