"""Integers of 2 and 4 bits as ones of 8 bits.

before: w: int4 constant; DequantizeLinear(w, scale); QuantizeLinear(x, scale) -> int4
after:  w: int8 constant; DequantizeLinear(w, scale); Clip(QuantizeLinear(x, scale) -> int8)

Every tensor that was narrow holds the same numbers in int8 or uint8, inputs
and outputs of the model too. A Cast to a narrow type keeps its low bits, as
ONNX casts integers.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import constant

WIDER = {
    ir.DataType.INT4: ir.DataType.INT8,
    ir.DataType.UINT4: ir.DataType.UINT8,
    ir.DataType.INT2: ir.DataType.INT8,
    ir.DataType.UINT2: ir.DataType.UINT8,
}
# What moves narrow integers without computing with them.
MOVERS = frozenset(
    {
        *("Cast", "CastLike", "Constant", "DequantizeLinear", "QuantizeLinear"),
        *("Concat", "Expand", "Flatten", "Gather", "Identity", "If", "Loop", "Pad", "Reshape"),
        *("Scan", "Shape", "Size", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    }
)


class NarrowIntegers(InPlacePass):
    """Leaves a model alone in which another operator computes with narrow integers."""

    def call(self, model: ir.Model) -> PassResult:
        if not _is_narrow(model):
            return PassResult(model, modified=False)
        for graph in (model.graph, *model.graph.subgraphs()):
            for value in (*graph.inputs, *graph.initializers.values()):
                _widen(value)
            for node in tuple(graph):
                self._node(graph, node)
        return PassResult(model, modified=True)

    def _node(self, graph: ir.Graph, node: ir.Node) -> None:
        kind = _result(node)
        if kind in WIDER and node.op_type in ("QuantizeLinear", "Cast", "CastLike"):
            _produce(graph, node, kind)
        if node.op_type == "Constant" and (value := node.attributes.get("value")) is not None:
            tensor = value.as_tensor()
            if tensor.dtype in WIDER:
                node.attributes["value"] = ir.AttrTensor("value", _widened(tensor))
        for output in node.outputs:
            _widen(output)


def _is_narrow(model: ir.Model) -> bool:
    found = False
    for node in model.graph.all_nodes():
        values = [value for value in (*node.inputs, *node.outputs) if value is not None]
        if any(value.dtype in WIDER for value in values) or _result(node) in WIDER:
            if node.domain or node.op_type not in MOVERS:
                return False
            found = True
    return found


def _result(node: ir.Node) -> ir.DataType | None:
    """The type that a node's own attributes or its output name."""
    for name in ("output_dtype", "to"):
        if name in node.attributes and (kind := node.attributes[name].as_int()):
            return ir.DataType(kind)
    return node.outputs[0].dtype if node.outputs else None


def _widen(value: ir.Value) -> None:
    if value.dtype in WIDER:
        value.dtype = WIDER[value.dtype]
    if value.const_value is not None and value.const_value.dtype in WIDER:
        value.const_value = _widened(value.const_value)


def _widened(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    kind = WIDER[tensor.dtype].numpy()
    return ir.tensor(tensor.numpy().astype(kind), name=tensor.name)


def _produce(graph: ir.Graph, node: ir.Node, kind: ir.DataType) -> None:
    """Let ``node`` make the wider type, limited to what the narrow one holds."""
    output, wide = node.outputs[0], WIDER[kind]
    users = tuple(output.uses())
    tape = Tape()
    node.op_type = "Cast" if node.op_type == "CastLike" else node.op_type
    if node.op_type == "Cast":
        node.resize_inputs(1)
        node.attributes.clear()
        node.attributes["to"] = ir.AttrInt64("to", int(wide))
        result = _low_bits(tape, output, kind)
    else:
        if "output_dtype" in node.attributes:
            node.attributes["output_dtype"] = ir.AttrInt64("output_dtype", int(wide))
        low, high = _limits(kind)
        limits = [constant(tape, bound, wide.numpy()) for bound in (low, high)]
        result = tape.op("Clip", [output, *limits])
    for new in tape.nodes:
        new.name = node.name
    graph.insert_after(node, tape.nodes)
    result.dtype, result.shape = wide, output.shape
    for user, index in users:
        user.replace_input_with(index, result)
    if output.is_graph_output():
        result.name, output.name = output.name, f"{output.name}_wide"
        outputs = graph.outputs
        outputs[outputs.index(output)] = result


def _low_bits(tape: Tape, value: ir.Value, kind: ir.DataType) -> ir.Value:
    """The number that the low bits of ``value`` are in ``kind``."""
    low, high = _limits(kind)
    wide = WIDER[kind].numpy()
    if not low:
        return tape.op("BitwiseAnd", [value, constant(tape, high, wide)])
    # Sign extension: the sign bit flipped, then taken away again.
    mask, sign = constant(tape, 2 * high + 1, wide), constant(tape, -low, wide)
    bits = tape.op("BitwiseAnd", [value, mask])
    return tape.op("Sub", [tape.op("BitwiseXor", [bits, sign]), sign])


def _limits(kind: ir.DataType) -> tuple[int, int]:
    bits = kind.bitwidth
    if kind.is_signed():
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1
