"""Hardmax before opset 13 knew two dimensions only.

before: opset 12:  Hardmax(x[2, 3, 4], axis=1)                one 1 in twelve
after:  opset 12:  Reshape(Hardmax(Flatten(x, axis=1), axis=1), Shape(x))

ONNX's version converter does so for Softmax and LogSoftmax, but not for Hardmax.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.convenience import replace_nodes_and_values
from onnx_ir.passes import InPlacePass, PassResult
from onnx_ir.tape import Tape

from tvmedge.model.nodes import integer

FIRST_ALONG_ONE_AXIS = 13


class OldHardmax(InPlacePass):
    """Runs before the opset is converted."""

    def call(self, model: ir.Model) -> PassResult:
        if model.opset_imports.get("", FIRST_ALONG_ONE_AXIS) >= FIRST_ALONG_ONE_AXIS:
            return PassResult(model, modified=False)
        nodes = [n for n in model.graph.all_nodes() if n.domain == "" and n.op_type == "Hardmax"]
        for node in nodes:
            _flatten(node)
        return PassResult(model, modified=bool(nodes))


def _flatten(node: ir.Node) -> None:
    tape, x = Tape(), node.inputs[0]
    flat = tape.op("Flatten", [x], {"axis": integer(node, "axis", 1)})
    hard = tape.op("Hardmax", [flat], {"axis": 1})
    whole = tape.op("Reshape", [hard, tape.op("Shape", [x])])
    for new in tape.nodes:
        new.name = node.name
    assert isinstance(node.graph, ir.Graph)
    replace_nodes_and_values(node.graph, node, [node], tape.nodes, node.outputs, [whole])
