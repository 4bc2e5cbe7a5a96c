"""How near a model must come to another runtime's result.

1e-4 in single precision, of the largest value. Half precision has eleven bits, which a few dozen
roundings use up, and bfloat16 eight. With quantised activations two correct implementations of
sigmoid differ in the last bit; where the value is then quantised and lies on the edge between two
steps, the results differ by a whole step, and every quantisation after it may differ in turn.
onnxruntime differs from itself by 4.5e-2 (with and without its optimisations, PP-LCNet in QDQ form,
on noise); we differ from it by up to 3e-2 on models that are equal to 1e-7 on inputs that meet no
such edge.
"""

from __future__ import annotations

import onnx

from tvmedge.model.load import Model

FP32_TOLERANCE = 1e-4
FP16_TOLERANCE = 1e-2
BF16_TOLERANCE = 8e-2
STEP_TOLERANCE = 0.1


def tolerance(model: Model) -> float:
    """The bound on max(|got - want|) / max(|want|) for this model's precision."""
    if quantises_activations(model.proto):
        return STEP_TOLERANCE
    graph = model.proto.graph
    kinds = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    kinds |= {tensor.data_type for tensor in graph.initializer}
    if onnx.TensorProto.BFLOAT16 in kinds:
        return BF16_TOLERANCE
    return FP16_TOLERANCE if onnx.TensorProto.FLOAT16 in kinds else FP32_TOLERANCE


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
