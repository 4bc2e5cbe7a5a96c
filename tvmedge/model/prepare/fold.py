"""Infer shapes and fold what they make constant, to a fixpoint.

before: Reshape(x, Concat(Slice(Shape(x), 0, 1), [-1]))
after:  Reshape(x, [1, -1])

onnxscript's optimizer does the work; a DequantizeLinear of a constant is kept
by its own rules, so int8 weights stay int8.
"""

from __future__ import annotations

import logging

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from onnxscript import optimizer

MAX_ROUNDS = 8
MAX_FOLDED_INPUT = 1 << 20
MAX_FOLDED_OUTPUT = 1 << 22

# Its notes on deduplication are of no use to a user.
logging.getLogger("onnx_ir").setLevel(logging.ERROR)
logging.getLogger("onnxscript").setLevel(logging.ERROR)


class Fold(InPlacePass):
    """Shape inference, constant folding and dead-node removal."""

    def call(self, model: ir.Model) -> PassResult:
        for output in model.graph.outputs:
            output.shape = None
        optimizer.optimize_ir(
            model,
            num_iterations=MAX_ROUNDS,
            onnx_shape_inference=True,
            input_size_limit=MAX_FOLDED_INPUT,
            output_size_limit=MAX_FOLDED_OUTPUT,
        )
        return PassResult(model, modified=True)
