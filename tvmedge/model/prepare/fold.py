"""Infer shapes and fold what they make constant, to a fixpoint.

before: Reshape(x, Concat(Slice(Shape(x), 0, 1), [-1]))
after:  Reshape(x, [1, -1])

The steps are those of onnxscript's optimizer; a DequantizeLinear of a constant is kept
by its own rules, so int8 weights stay int8.
"""

from __future__ import annotations

import logging

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult, Sequential
from onnx_ir.passes.common import (
    CommonSubexpressionEliminationPass,
    DeduplicateInitializersPass,
    InlinePass,
    LiftConstantsToInitializersPass,
    LiftSubgraphInitializersToMainGraphPass,
    NameFixPass,
    OutputFixPass,
    RemoveUnusedFunctionsPass,
    RemoveUnusedNodesPass,
    RemoveUnusedOpsetsPass,
    ShapeInferencePass,
)
from onnxscript import optimizer

from tvmedge.errors import InputError
from tvmedge.model.prepare.library_rules import library_rules
from tvmedge.model.refuse import node_name

MAX_ROUNDS = 8
MAX_FOLDED_INPUT = 1 << 20
MAX_FOLDED_OUTPUT = 1 << 22
MAX_PARTS = 4096

# Its notes on deduplication are of no use to a user.
logging.getLogger("onnx_ir").setLevel(logging.ERROR)
logging.getLogger("onnxscript").setLevel(logging.ERROR)

_UNUSED = Sequential(
    RemoveUnusedNodesPass(),
    RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]
    RemoveUnusedOpsetsPass(),
)
_FINISH = Sequential(
    RemoveUnusedNodesPass(),
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
    LiftSubgraphInitializersToMainGraphPass(),
    DeduplicateInitializersPass(),
    CommonSubexpressionEliminationPass(),
    OutputFixPass(),
    NameFixPass(),
)


class Fold(InPlacePass):
    """Shape inference, constant folding and dead-node removal."""

    def __init__(self) -> None:
        super().__init__()
        self._rules = library_rules()

    def call(self, model: ir.Model) -> PassResult:
        for output in model.graph.outputs:
            output.shape = None
        _require_few_parts(model)
        InlinePass()(model)
        for _ in range(MAX_ROUNDS):
            if not self._round(model):
                break
        _FINISH(model)
        return PassResult(model, modified=True)

    def _round(self, model: ir.Model) -> bool:
        """Fold once, and say whether anything changed."""
        folded = optimizer.fold_constants_ir(
            model,
            onnx_shape_inference=True,
            input_size_limit=MAX_FOLDED_INPUT,
            output_size_limit=MAX_FOLDED_OUTPUT,
        )
        return folded.modified | self._rules(model).modified | _UNUSED(model).modified


def _require_few_parts(model: ir.Model) -> None:
    """The optimizer writes SplitToSequence out, one value a part, however many."""
    splits = [node for node in model.graph.all_nodes() if node.op_type == "SplitToSequence"]
    if splits:
        ShapeInferencePass()(model)
    for node in splits:
        # Parts are counted along the input's axis, or in the list of their sizes.
        shapes = [value.shape for value in node.inputs if value is not None and value.shape]
        if any(isinstance(dim, int) and dim > MAX_PARTS for shape in shapes for dim in shape):
            raise InputError(
                f"node '{node_name(node)}' (SplitToSequence) may make more than {MAX_PARTS} "
                "tensors: split with Split instead."
            )
