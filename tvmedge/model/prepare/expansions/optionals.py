"""Optional tensors: what a compiled model is given is there.

before: x: optional(float[4]);  OptionalHasElement(x), OptionalGetElement(x)
after:  x: float[4];            True, x

An input of a bundle cannot be left out, so that an optional one is a tensor. A
model that should also run without it is another model: one without that input.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, optional


class PresentInputs(InPlacePass):
    """Optional tensors among the graph's inputs become tensors."""

    def call(self, model: ir.Model) -> PassResult:
        modified = False
        for value in model.graph.inputs:
            if isinstance(value.type, ir.OptionalType):
                inner = value.type.elem_type
                if isinstance(inner, ir.TensorType):
                    value.type = inner
                    modified = True
        return PassResult(model, modified=modified)


class Optionals(NodeRewrite):
    """Optional, OptionalGetElement and OptionalHasElement of tensors."""

    operators = frozenset({"Optional", "OptionalGetElement", "OptionalHasElement"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        value = optional(node, 0)
        if node.op_type == "OptionalHasElement" and _is_empty(value):
            return [constant(tape, False)]
        if value is None or not isinstance(value.type, ir.TensorType):
            return None
        if node.op_type == "OptionalHasElement":
            return [constant(tape, True)]
        return [tape.op("Identity", [value])]


def _is_empty(value: ir.Value | None) -> bool:
    if value is None:
        return True
    producer = value.producer()
    return producer is not None and producer.op_type == "Optional" and optional(producer, 0) is None
