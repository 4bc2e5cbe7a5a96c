"""How near a quantised model can be to another runtime's result.

Two correct implementations of sigmoid differ in the last bit; where the value
is then quantised and lies on the edge between two steps, the results differ by
a whole step, and every quantisation after it may differ in turn. onnxruntime
differs from itself by 4.5e-2 (with and without its optimisations, PP-LCNet
in QDQ form, on noise); we differ from it by up to 3e-2 on models that are
equal to 1e-7 on inputs that meet no such edge.
"""

from __future__ import annotations

import onnx

STEP_TOLERANCE = 0.1


def quantises_activations(proto: onnx.ModelProto) -> bool:
    """Whether values that depend on the input are rounded to integers on the way."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    graphs = [proto.graph.node, *(function.node for function in proto.functions)]
    for node in (node for nodes in graphs for node in nodes):
        if node.op_type == "QuantizeLinear" and node.input[0] not in weights:
            return True
        if node.op_type.startswith(("QLinear", "DynamicQuantize", "QGemm", "QAttention")):
            return True
    return False
