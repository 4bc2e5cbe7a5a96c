"""Give the states of a Loop or Scan the shapes that they keep from step to step.

before: Loop(3000, True, s0) { s -> s2 }     s0: [2, 4]    s, s2, the result: unknown
after:                                                     s, s2, the result: [2, 4]

ONNX allows a state to change its shape, so its shape inference knows none. A
state keeps its shape where the body, given the shape that it starts with, makes
that shape again; this is asked for all states together.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

from tvmedge.model.nodes import integer
from tvmedge.model.prepare.expansions.trips import loop_trips

MAX_CONSTANT = 256


class BodyShapes(InPlacePass):
    """Looks at each Loop and Scan, in subgraphs too."""

    def call(self, model: ir.Model) -> PassResult:
        modified = False
        for graph in (model.graph, *model.graph.subgraphs()):
            for node in graph:
                if node.domain == "" and node.op_type in ("Loop", "Scan"):
                    modified |= _learn(node, model)
        return PassResult(model, modified=modified)


def states(node: ir.Node) -> list[tuple[ir.Value | None, ir.Value, ir.Value, ir.Value]]:
    """What each state starts with, what the body takes and makes of it, what it ends as."""
    body = node.attributes["body"].as_graph()
    before = 2 if node.op_type == "Loop" else 0
    after = 1 if node.op_type == "Loop" else 0
    starts = node.inputs[before : len(node.inputs) - integer(node, "num_scan_inputs", 0)]
    takes, makes = body.inputs[before:], body.outputs[after:]
    return list(zip(starts, takes, makes, node.outputs, strict=False))


def keeps_shapes(node: ir.Node) -> bool:
    """Whether every state is a tensor that is known to keep its shape."""
    return all(
        start is not None
        and _is_known(start.shape)
        and not isinstance(start.type, ir.SequenceType | ir.OptionalType)
        and start.shape == takes.shape == makes.shape
        for start, takes, makes, _ in states(node)
    )


def _learn(node: ir.Node, model: ir.Model) -> bool:
    body = node.attributes["body"].as_graph()
    before = _shapes(node)
    for value in body.inputs[:2] if node.op_type == "Loop" else ():
        value.shape = ir.Shape([]) if value.shape is None else value.shape
    every = states(node)
    declared = [takes.shape for _, takes, _, _ in every]
    kept = [start is not None and _is_known(start.shape) for start, _, _, _ in every]
    while True:
        for (start, takes, _, _), keeps, old in zip(every, kept, declared, strict=True):
            takes.shape = start.shape if start is not None and keeps else old
        shapes = _inferred(body, model)
        still = [
            keeps and start is not None and shapes.get(str(makes.name)) == start.shape
            for (start, _, makes, _), keeps in zip(every, kept, strict=True)
        ]
        if still == kept:
            break
        kept = still
    for value in (*body.outputs, *(value for inner in body for value in inner.outputs)):
        # A loop inside is looked at next and may start with some of these.
        value.shape = shapes.get(str(value.name)) or value.shape
    for (start, _, _, end), keeps in zip(every, kept, strict=True):
        if start is not None and keeps:
            _set(end, start.dtype, start.shape)
    trips = loop_trips(node) if node.op_type == "Loop" else None
    if trips is not None:
        stacks = node.outputs[len(every) :]
        for value, part in zip(stacks, body.outputs[1 + len(every) :], strict=False):
            if part.shape is not None:
                _set(value, part.dtype, ir.Shape([trips, *part.shape]))
    return before != _shapes(node)


def _set(value: ir.Value, dtype: ir.DataType | None, shape: ir.Shape | None) -> None:
    """Say what an output is; folding forgets it of the model's outputs, every time."""
    if not value.is_graph_output():
        value.shape = shape
        if value.type is None and dtype is not None:
            value.type = ir.TensorType(dtype)


def _shapes(node: ir.Node) -> list[ir.Shape | None]:
    body = node.attributes["body"].as_graph()
    return [value.shape for value in (*body.inputs, *body.outputs, *node.outputs)]


def _inferred(body: ir.Graph, model: ir.Model) -> dict[str, ir.Shape]:
    """The shapes of what the body computes by name, from those of what it takes."""
    graph = ir.serde.serialize_graph(body)
    for value in _around(body):
        if value.type is None:
            return {}
        if value.const_value is not None and value.const_value.size <= MAX_CONSTANT:
            tensor = ir.serde.serialize_tensor(value.const_value)
            tensor.name = str(value.name)
            graph.initializer.append(tensor)
        else:
            graph.input.append(ir.serde.serialize_value(value))
    opsets = [onnx.helper.make_opsetid(d, v) for d, v in model.opset_imports.items()]
    proto = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=model.ir_version)
    try:
        inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except onnx.shape_inference.InferenceError:
        return {}
    found = [*inferred.graph.value_info, *inferred.graph.output]
    values = [ir.serde.deserialize_value_info_proto(value, None) for value in found]
    return {str(value.name): value.shape for value in values if value.shape is not None}


def _around(body: ir.Graph) -> Iterator[ir.Value]:
    """What the body, or a graph in it, uses of the values around it."""
    nodes = list(body.all_nodes())
    graphs = [body, *body.subgraphs()]
    own = {value for graph in graphs for value in (*graph.inputs, *graph.initializers.values())}
    own |= {value for node in nodes for value in node.outputs}
    used = [value for node in nodes for value in node.inputs]
    used += [value for graph in graphs for value in graph.outputs]
    yield from dict.fromkeys(value for value in used if value is not None and value not in own)


def _is_known(shape: ir.Shape | None) -> bool:
    """Whether every dimension is a number or has a name."""
    return shape is not None and all(isinstance(dim, int) or dim.value is not None for dim in shape)
