"""What the functions given to a node, as attributes, use from outside of them."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir


def close(node: ir.Node) -> bool:
    """Copy constants from outside into the node's functions; whether nothing else is used."""
    closed = True
    for graph in functions(node):
        captured = _captured(graph)
        for value in captured:
            if value.const_value is not None:
                _copy_in(graph, value)
        closed &= all(value.const_value is not None for value in captured)
    return closed


def functions(node: ir.Node) -> Iterator[ir.Graph]:
    """The node's attributes that are graphs."""
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()


def _captured(graph: ir.Graph) -> list[ir.Value]:
    """In the order of their first use; what a nested graph gives out is made inside."""
    own: set[ir.Value] = set()
    for inner in (graph, *graph.subgraphs()):
        own.update(inner.inputs, inner.initializers.values())
    used: dict[ir.Value, None] = {}
    for node in graph.all_nodes():
        own.update(node.outputs)
        used.update((value, None) for value in node.inputs if value is not None)
    used.update((value, None) for value in graph.outputs)
    return [value for value in used if value not in own]


def _copy_in(graph: ir.Graph, value: ir.Value) -> None:
    tensor = value.const_value
    assert tensor is not None
    node = ir.Node("", "Constant", [], [ir.AttrTensor("value", tensor)])
    inside = set(graph.all_nodes())
    for user, index in tuple(value.uses()):
        if user in inside:
            user.replace_input_with(index, node.outputs[0])
    first = next(iter(graph), None)
    if first is None:
        graph.append(node)
    else:
        graph.insert_before(first, node)
    for index, output in enumerate(graph.outputs):
        if output is value:
            graph.outputs[index] = node.outputs[0]
