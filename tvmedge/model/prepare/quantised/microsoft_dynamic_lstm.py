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

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.dynamic_quantize_linear import dynamic
from tvmedge.model.prepare.quantised.microsoft_lstm_steps import Cell, run
from tvmedge.model.prepare.quantised.microsoft_lstm_weights import Weights, read_weights
from tvmedge.model.prepare.quantised.q_common import dims
from tvmedge.model.prepare.rewrite import MICROSOFT, NodeRewrite, optional, text

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
        cell = Cell(tape, weights, index, batch)
        reverse = direction == "reverse" or index == 1
        order = range(steps)[::-1] if reverse else range(steps)
        runs.append(run(cell, node, quantised, order))
    stack = [[states[part] for states in runs] for part in range(3)]
    return [
        tape.op("Concat", parts, {"axis": 1 if place == 0 else 0})
        for place, parts in enumerate(stack)
    ]
