"""What unrolling a Loop and unrolling a Scan share: copies of the body, stacked results."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.convenience import replace_all_uses_with, replace_nodes_and_values
from onnx_ir.tape import Tape

from tvmedge.model.prepare.expansions.body_shapes import keeps_shapes
from tvmedge.model.prepare.rewrite import constant

# What compiles in about two seconds; a loop takes a fifth of one, whatever its length.
MAX_NODES = 200
# Where a real loop is impossible; compile time grows with the square: 100 s and more.
MAX_UNROLLED_NODES = 2000
LOOP_WEIGHT = 100


class Unrolled:
    """The straight line that grows, one copy of ``body`` after the other.

    ``label`` tells the names in the graphs inside the copies from those of other
    loops: such a graph may be inlined later.
    """

    def __init__(self, body: ir.Graph, label: str = "copy") -> None:
        self.body = body
        self.label = label
        self.steps = 0
        self.nodes: list[ir.Node] = []

    def step(self, inputs: Sequence[ir.Value]) -> list[ir.Value]:
        """One more copy of the body on ``inputs``; returns its outputs."""
        copy = self.body.clone(allow_outer_scope_values=True)
        self.steps += 1
        for graph in copy.subgraphs():
            self._rename(graph)
        given = dict(zip(copy.inputs, inputs, strict=True))
        for value in tuple(copy.initializers.values()):
            tensor = value.const_value
            assert tensor is not None
            given[value] = self.op("Constant", [], {"value": tensor})
        outputs = [given.get(value, value) for value in copy.outputs]
        copy.outputs.clear()
        nodes = tuple(copy)
        replace_all_uses_with(list(given), list(given.values()))
        copy.remove(nodes)
        for node in nodes:
            for value in node.outputs:
                # The graph that takes them names them; shapes may differ by step.
                value.name, value.shape = None, None
        self.nodes += nodes
        return outputs

    def _rename(self, graph: ir.Graph) -> None:
        values = [*graph.inputs, *graph.initializers.values()]
        values += [value for node in graph for value in node.outputs]
        for value in values:
            value.name = f"{value.name}/{self.label}_{self.steps}"

    def op(
        self,
        operator: str,
        inputs: Sequence[ir.Value | None],
        attributes: dict[str, ir.TensorProtocol | int] | None = None,
    ) -> ir.Value:
        """A node between the copies."""
        tape = Tape()
        value = tape.op(operator, inputs, attributes)
        self.nodes += tape.nodes
        return value

    def number(self, values: int | Sequence[int]) -> ir.Value:
        """A constant of int64."""
        tape = Tape()
        value = constant(tape, values, "int64")
        self.nodes += tape.nodes
        return value

    def stack(self, values: Sequence[ir.Value], axis: int) -> ir.Value:
        """The steps' results along a new axis; there is at least one."""
        axes = self.number([axis])
        slices = [self.op("Unsqueeze", [value, axes]) for value in values]
        return self.op("Concat", slices, {"axis": axis})


def affordable(body: ir.Graph, trips: int) -> bool:
    """Whether the straight line stays small enough to be compiled at all."""
    return weight(body) * trips <= MAX_UNROLLED_NODES


def worthwhile(node: ir.Node, trips: int) -> bool:
    """Whether the straight line is the better loop: quick to compile, or the only
    way for a state that is no tensor of one shape."""
    body = node.attributes["body"].as_graph()
    if keeps_shapes(node):
        return trips <= 1 or weight(body) * trips <= MAX_NODES
    return affordable(body, trips)


def weight(graph: ir.Graph) -> int:
    """The nodes of a graph; a loop inside counts as the functions that it may become."""
    count = max(len(graph), 1)
    for node in graph:
        for attribute in node.attributes.values():
            if attribute.type == ir.AttributeType.GRAPH:
                count += weight(attribute.as_graph())
        count += LOOP_WEIGHT if node.op_type in ("Loop", "Scan") else 0
    return count


def replace(graph: ir.Graph, node: ir.Node, nodes: list[ir.Node], values: list[ir.Value]) -> None:
    """Put the straight line in the place of ``node``."""
    for new in nodes:
        new.name = node.name
    # A graph names what has no name as if it were alone; an If may be inlined later.
    nameless = [value for new in nodes for value in new.outputs if value.name is None]
    for index, value in enumerate(nameless):
        value.name = f"{node.outputs[0].name}/unrolled_{index}"
    replace_nodes_and_values(graph, node, [node], nodes, node.outputs, values)
