"""The walk over a graph's nodes, in place of that of TVM's importer.

TVM's keeps some shapes as shape expressions and then refuses most operators on
them. Here every value is a tensor; small ones that are computed from shapes are
also known symbolically, and then their tensors come from the shapes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from tvm import relax
from tvm.relax.frontend.onnx import onnx_frontend

from tvmedge.model.symbolic import Known, Symbols, answer, as_tensor, dims, known_constant
from tvmedge.types import Bounds

# Their one result is a tuple, which the nodes after them take apart.
_TUPLES = frozenset(
    {
        "ConcatFromSequence",
        "Optional",
        "OptionalGetElement",
        "SequenceConstruct",
        "SequenceEmpty",
        "SequenceErase",
        "SequenceInsert",
        "SplitToSequence",
    }
)


class MissingError(Exception):
    """A node is refused, and nothing can stand for its outputs."""


class SymbolicImporter(onnx_frontend.ONNXGraphImporter):  # type: ignore[misc]
    """Leaves out the nodes behind a missing one and raises ``MissingError`` at the end of
    the graph. ``known`` tells what is known of a value; ``symbols`` calculates with it."""

    _nodes: dict[str, Any]

    def __init__(self, bounds: Mapping[str, Bounds]) -> None:
        super().__init__(shape_dict={}, dtype_dict={}, sanitize=False)
        self.symbols = Symbols(bounds)
        self._known: dict[relax.Expr, Known] = {}

    def known(self, value: Any) -> Known | None:
        """What is known of a value of the graph, None for one that is data."""
        return known_constant(value) or self._known.get(value)

    def _construct_nodes(self, graph: onnx.GraphProto) -> None:
        missing: set[str] = set()
        for node in graph.node:
            if _uses(node, missing):
                missing.update(node.output)
                continue
            values = [self._nodes[name] if name else None for name in node.input]
            for value in values:
                self.symbols.learn(dims(value) or ())
            attributes = self._parse_attr(node.attribute)
            results = self._answered(node, values, attributes)
            try:
                if results is None:
                    results = self._converted(node, values, attributes)
            except MissingError:
                missing.update(node.output)
                continue
            self._nodes.update(zip(node.output, results, strict=False))
        if missing:
            raise MissingError

    def _answered(
        self, node: onnx.NodeProto, values: list[Any], attributes: dict[str, Any]
    ) -> list[Any] | None:
        """The outputs where they follow from shapes alone."""
        known = [None if value is None else self.known(value) for value in values]
        try:
            found = answer(node.op_type, values, known, attributes, len(node.output), self.symbols)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return None  # an invalid node: its converter refuses it by name
        if found is None:
            return None
        tensors = []
        for one in found:
            tensor = as_tensor(self.bb, one)
            self._known[tensor] = one
            tensors.append(tensor)
        return tensors

    def _converted(
        self, node: onnx.NodeProto, values: list[Any], attributes: dict[str, Any]
    ) -> list[Any]:
        attributes["tvm_custom"] = {"name": node.name, "num_outputs": len(node.output)}
        if node.op_type == "If":
            decided = self.known(values[0])
            if decided is not None and decided.is_constant():
                name = "then_branch" if decided.elements.item() else "else_branch"
                return self._in_place(attributes[name])
            return self._branched(values[0], attributes, len(node.output))
        inputs = onnx_frontend.onnx_input(values)
        result = self._convert_operator(node.op_type, inputs, attributes, self.opset)
        if node.op_type in _TUPLES:
            return [result]
        if isinstance(result, relax.Tuple):
            results = list(result.fields)
        elif isinstance(result.ty, relax.TupleType):
            results = [
                self.bb.emit(relax.TupleGetItem(result, k)) for k in range(len(result.ty.fields))
            ]
        else:
            results = [result]
        if len(node.output) > len(results):
            raise ValueError(
                f"Node {node.name} has {len(node.output)} outputs, of which {len(results)} "
                "are imported"
            )
        return results

    def _in_place(self, graph: onnx.GraphProto) -> list[Any]:
        """The outputs of a branch that is always taken."""
        around = self._nodes
        self._nodes = dict(around)
        try:
            self._parse_graph_initializers(graph)
            self._construct_nodes(graph)
            return [self._nodes[value.name] for value in graph.output]
        finally:
            self._nodes = around

    def _branched(self, condition: Any, attributes: dict[str, Any], outputs: int) -> list[Any]:
        branches = [
            relax.SeqExpr(blocks=[], body=self._convert_subgraph(self.bb, attributes[name]))
            for name in ("then_branch", "else_branch")
        ]
        result = self.bb.emit(relax.If(condition, *branches))
        if outputs == 1:
            return [result]
        return [self.bb.emit(relax.TupleGetItem(result, k)) for k in range(outputs)]


def _uses(node: onnx.NodeProto, names: set[str]) -> bool:
    """Whether ``node``, or a graph inside it, takes one of ``names``."""
    if not names:
        return False
    graphs = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    inside = (inner for graph in graphs for inner in graph.node)
    return not names.isdisjoint(node.input) or any(_uses(inner, names) for inner in inside)
