"""Replace operators by the function body that ONNX itself defines for them.

before: Swish(x, alpha=2)
after:  Mul(x, Sigmoid(Mul(x, 2)))

Only operators that the importer lacks, or gets wrong in the form at hand, are
expanded: a body is many small nodes, where the importer has one operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx
import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from onnx_ir.passes.common import InlinePass, RemoveUnusedNodesPass

from tvmedge.model.prepare.expansions.closures import close
from tvmedge.model.prepare.rewrite import integer, optional

_DOMAIN = "tvmedge.expanded"
_PREVIEW = "ai.onnx.preview"
Condition = Callable[[ir.Node], bool]


def _always(node: ir.Node) -> bool:
    return True


def _gives_statistics_or_double(node: ir.Node) -> bool:
    x = optional(node, 0)
    return len(node.outputs) > 1 or (x is not None and x.dtype == ir.DataType.DOUBLE)


def _whole_tensor(node: ir.Node) -> bool:
    x = optional(node, 0)
    axis = integer(node, "axis", -1)
    return axis == 0 or (x is not None and x.shape is not None and axis == -len(x.shape))


EXPANDED: Mapping[str, Condition] = {
    "Attention": _always,
    "BlackmanWindow": _always,
    "CausalConvWithState": _always,
    "Celu": _always,
    "CenterCropPad": _always,
    "FlexAttention": close,
    "HammingWindow": _always,
    "HannWindow": _always,
    "LayerNormalization": _gives_statistics_or_double,
    "LinearAttention": _always,
    "NegativeLogLikelihoodLoss": _always,
    "RMSNormalization": _whole_tensor,
    "RotaryEmbedding": _always,
    "SoftmaxCrossEntropyLoss": _always,
    "SwiGLU": _always,
    "Swish": _always,
}


class ExpandFunctions(InPlacePass):
    """Inlines ONNX's own function bodies; node names stay those of the call."""

    def call(self, model: ir.Model) -> PassResult:
        opsets = model.opset_imports
        calls = [node for node in model.graph.all_nodes() if _wanted(node)]
        for number, node in enumerate(calls):
            function = _body(node, opsets, str(number))
            if function is not None:
                model.functions[function.identifier()] = function
                node.domain, node.overload = _DOMAIN, str(number)
                _drop_functions(node)
        if not model.functions:
            return PassResult(model, modified=False)
        InlinePass()(model)
        RemoveUnusedNodesPass()(model)
        model.graph.opset_imports.pop(_DOMAIN, None)
        return PassResult(model, modified=True)


def _drop_functions(node: ir.Node) -> None:
    """They are in the body by now."""
    graphs = [a.name for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH]
    for name in graphs:
        node.attributes.pop(name)


def _wanted(node: ir.Node) -> bool:
    if node.domain not in ("", _PREVIEW) or node.op_type not in EXPANDED:
        return False
    return EXPANDED[node.op_type](node) and all(v is None or v.type for v in node.inputs)


def _body(node: ir.Node, opsets: Mapping[str, int], overload: str) -> ir.Function | None:
    opset = opsets[node.domain]
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    for name, attribute in schema.attributes.items():
        if name not in node.attributes and attribute.default_value.name:
            default = ir.serde.deserialize_attribute(attribute.default_value)
            node.attributes[name] = default
    content = _content(schema, node, max(v for v in _versions(schema) if v <= opset))
    if not content:
        return None
    proto = onnx.FunctionProto.FromString(content)
    proto.domain, proto.name, proto.overload = _DOMAIN, node.op_type, overload
    _complete(proto, node)
    function = ir.serde.deserialize_function(proto)
    # What the bodies use means the same in every later opset.
    function.opset_imports.clear()
    function.opset_imports.update(opsets)
    for inner in function:
        inner.name = node.name
    return function


def _content(schema: Any, node: ir.Node, version: int) -> bytes:
    if not schema.has_context_dependent_function:
        return bytes(schema.get_function_with_opset_version(version))
    types = [b"" if value is None else _type(value) for value in node.inputs]
    call = ir.serde.serialize_node(node).SerializeToString()
    return bytes(schema.get_context_dependent_function_with_opset_version(version, call, types))


def _versions(schema: Any) -> list[int]:
    return [int(version) for version in schema.all_function_opset_versions]


def _complete(proto: onnx.FunctionProto, node: ir.Node) -> None:
    """One output for each of the call's; a body has no node for one left out."""
    del proto.output[len(node.outputs) :]
    made = {name for inner in proto.node for name in inner.output}
    for name in proto.output:
        if name not in made:
            proto.node.append(onnx.helper.make_node("Constant", [], [name], value_float=0.0))


def _type(value: ir.Value) -> bytes:
    return bytes(ir.serde.serialize_value(value).type.SerializeToString())
