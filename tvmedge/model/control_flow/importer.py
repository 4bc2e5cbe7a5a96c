"""The importer's part that imports If, Loop and Scan.

Their graphs are walked like the model's own, with other names known and, for
what is known symbolically, with the private function's own open sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from tvm import relax

from tvmedge.model.control_flow import CONTROL_FLOW, ControlNode
from tvmedge.model.symbolic import Known, Size, as_tensor, dims
from tvmedge.model.walk import SymbolicImporter


class ControlFlowImporter(SymbolicImporter):
    """Takes control flow; every other node goes on to the next importer."""

    def _branched(self, condition: Any, attributes: dict[str, Any], outputs: int) -> list[Any]:
        made = self._convert_operator("If", [condition], attributes, self.opset)
        return list(made.fields) if isinstance(made, relax.Tuple) else [made]

    def _convert_operator(
        self, op_name: str, inputs: Any, attrs: dict[str, Any], opset: int
    ) -> relax.Expr:
        convert = CONTROL_FLOW.get(op_name)
        if convert is None:
            return super()._convert_operator(op_name, inputs, attrs, opset)
        own = {name: value for name, value in attrs.items() if name != "tvm_custom"}
        outputs = attrs["tvm_custom"]["num_outputs"]
        known = (self._nodes, self._graph, self._sizes, self.symbols)
        return self.bb.normalize(convert(ControlNode(self.bb, tuple(inputs), own, outputs, *known)))

    def _graph(
        self, graph: onnx.GraphProto, values: Mapping[str, relax.Expr]
    ) -> Sequence[relax.Expr]:
        """Emit ``graph``, which sees ``values``; returns its outputs."""
        around = self._nodes
        self._nodes = {name: self._seen(name, value) for name, value in values.items()}
        try:
            self._parse_graph_initializers(graph)
            self._construct_nodes(graph)
            return [self.bb.normalize(self._nodes[value.name]) for value in graph.output]
        finally:
            self._nodes = around

    def _seen(self, name: str, value: relax.Expr) -> relax.Expr:
        """``value`` as the nodes of a graph see it: what came as a shape is the tensor
        that it is around the graph, known in the private function's own open sizes."""
        self.symbols.learn(dims(value) or ())
        known = self.known(self._nodes[name]) if isinstance(value, relax.ShapeExpr) else None
        if known is None:
            return value
        elements = np.empty(known.elements.shape, object)
        elements.flat[:] = [self.symbols.size(size) for size in value.values]
        inside = Known(elements, known.dtype)
        tensor = as_tensor(self.bb, inside)
        self._known[tensor] = inside
        return tensor

    def _sizes(self, value: relax.Expr) -> Sequence[Size] | None:
        known = self.known(value)
        return None if known is None else known.sizes()


def numbered(graph: ir.Graph, proto: onnx.GraphProto) -> list[ir.Node]:
    """The nodes of ``graph``, those of its graphs included; those of ``proto``, which is
    the same graph, are named by their place in the list."""
    nodes: list[ir.Node] = []
    _number(graph, proto, nodes)
    return nodes


def _number(graph: ir.Graph, proto: onnx.GraphProto, nodes: list[ir.Node]) -> None:
    for node, twin in zip(graph, proto.node, strict=True):
        twin.name = str(len(nodes))
        nodes.append(node)
        for attribute in twin.attribute:
            if attribute.HasField("g"):
                _number(node.attributes[attribute.name].as_graph(), attribute.g, nodes)
