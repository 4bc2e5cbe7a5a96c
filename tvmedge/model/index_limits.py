"""How large an input of whole numbers may be where the model looks it up in a table.

An encoder's token types index a table of two rows: a random 9 is outside of it, which
onnxruntime refuses and a kernel clips.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

# The first output holds nothing but elements of the first input, or of any.
_MOVES_FIRST = frozenset(
    {"Cast", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Tile"}
    | {"Transpose", "Unsqueeze"}
)
_MOVES_ANY = frozenset({"Concat"})
# The output has the shape of the first input.
_SHAPED_ALIKE = frozenset({"Cast", "DequantizeLinear", "Identity"})


def index_limits(graph: onnx.GraphProto) -> dict[str, int]:
    """Of every input that indexes a table whose size is known, the least of these sizes."""
    limits: dict[str, int] = {}
    sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    sources = {value.name: {value.name} for value in graph.input if value.name not in sizes}
    for node in _nodes(graph):
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            sizes[node.output[0]] = tuple(node.attribute[0].t.dims)
        elif node.op_type in _SHAPED_ALIKE and node.input[0] in sizes:
            sizes[node.output[0]] = sizes[node.input[0]]
        elif node.op_type == "Gather":
            table = sizes.get(node.input[0], ())
            axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
            if -len(table) <= axis < len(table):
                for name in sources.get(node.input[1], ()):
                    limits[name] = min(table[axis], limits.get(name, table[axis]))
        moved = node.input[:1] if node.op_type in _MOVES_FIRST else ()
        if node.op_type in _MOVES_ANY:
            moved = node.input
        if held := set().union(*(sources.get(name, ()) for name in moved)):
            sources[node.output[0]] = held
    return {name: limit for name, limit in limits.items() if limit > 0}


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes in order, those of a branch or body, which see the values before it, too."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)
        yield node
