"""Say which axis the slopes of PRelu belonged to before opset 7 had broadcasting.

before: opset 6:  PRelu(x[2, 3, 4], slope[3])                 one slope a channel
after:  opset 6:  PRelu(x[2, 3, 4], Unsqueeze(slope, [1]))    as opset 7 broadcasts

ONNX's version converter leaves the slopes, which would then go along the last axis.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from onnx_ir.passes.common import ShapeInferencePass

from tvmedge.errors import InputError
from tvmedge.model.refuse import node_name

FIRST_WITH_BROADCASTING = 7


class OldPRelu(InPlacePass):
    """Runs before the opset is converted."""

    def call(self, model: ir.Model) -> PassResult:
        if model.opset_imports.get("", FIRST_WITH_BROADCASTING) >= FIRST_WITH_BROADCASTING:
            return PassResult(model, modified=False)
        nodes = [n for n in model.graph.all_nodes() if n.domain == "" and n.op_type == "PRelu"]
        if nodes:
            ShapeInferencePass()(model)
        aligned = [_align(node) for node in nodes]
        return PassResult(model, modified=any(aligned))


def _align(node: ir.Node) -> bool:
    x, slope = node.inputs
    assert x is not None and slope is not None
    if slope.shape is None or x.shape is None:
        raise InputError(
            f"node '{node_name(node)}' (PRelu of an opset before {FIRST_WITH_BROADCASTING}) has "
            "an input of unknown rank: export the model for a newer opset."
        )
    if slope.shape == [1] or len(slope.shape) != 1 or len(x.shape) < 3:
        return False
    axes = ir.AttrInt64s("axes", list(range(1, len(x.shape) - 1)))
    column = ir.Node("", "Unsqueeze", [slope], [axes], name=node.name)
    assert node.graph is not None
    node.graph.insert_before(node, column)
    node.replace_input_with(1, column.outputs[0])
    return True
