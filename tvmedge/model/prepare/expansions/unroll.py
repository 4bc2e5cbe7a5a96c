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
    """The straight line that grows, one copy of ``body`` after the other."""

    def __init__(self, body: ir.Graph) -> None:
        self.body = body
        self.nodes: list[ir.Node] = []

    def step(self, inputs: Sequence[ir.Value]) -> list[ir.Value]:
        """One more copy of the body on ``inputs``; returns its outputs."""
        copy = self.body.clone(allow_outer_scope_values=True)
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
    replace_nodes_and_values(graph, node, [node], nodes, node.outputs, values)
