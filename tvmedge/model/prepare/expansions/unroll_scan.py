"""Unroll a Scan over a known number of slices.

before: s, y = Scan(s0, x) { s, y = body(s, x_i) }             x: [2, 4]
after:  s1, y1 = body(s0, x[0]); s2, y2 = body(s1, x[1]); y = Concat(y1, y2)
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

from tvmedge.model.prepare.expansions.unroll import Unrolled, replace, worthwhile
from tvmedge.model.prepare.rewrite import integer


class UnrollScan(InPlacePass):
    """Takes scans whose straight line is small."""

    def call(self, model: ir.Model) -> PassResult:
        modified = False
        for graph in (model.graph, *model.graph.subgraphs()):
            for node in tuple(graph):
                if node.domain == "" and node.op_type == "Scan":
                    modified |= _unroll(graph, node)
        return PassResult(model, modified=modified)


def _unroll(graph: ir.Graph, node: ir.Node) -> bool:
    body = node.attributes["body"].as_graph()
    count = integer(node, "num_scan_inputs", 0)
    inputs = [value for value in node.inputs if value is not None]
    states, scanned = inputs[:-count], inputs[-count:]
    axes = _ints(node, "scan_input_axes", count)
    trips = _trips(scanned, axes)
    if not trips or len(inputs) != len(body.inputs) or not worthwhile(node, trips):
        return False
    backwards = _ints(node, "scan_input_directions", count)
    line = Unrolled(body, str(node.outputs[0].name))
    stacks: list[list[ir.Value]] = [[] for _ in body.outputs[len(states) :]]
    for step in range(trips):
        slices = []
        for value, axis, reverse in zip(scanned, axes, backwards, strict=True):
            index = line.number(trips - 1 - step if reverse else step)
            slices.append(line.op("Gather", [value, index], {"axis": axis}))
        outputs = line.step([*states, *slices])
        states = outputs[: len(states)]
        for stack, value in zip(stacks, outputs[len(states) :], strict=True):
            stack.append(value)
    reversed_ = _ints(node, "scan_output_directions", len(stacks))
    output_axes = _ints(node, "scan_output_axes", len(stacks))
    scans = [
        line.stack(stack[::-1] if reverse else stack, axis)
        for stack, axis, reverse in zip(stacks, output_axes, reversed_, strict=True)
    ]
    ends = [line.op("Identity", [state]) for state in states]
    replace(graph, node, line.nodes, [*ends, *scans])
    return True


def _trips(scanned: list[ir.Value], axes: list[int]) -> int | None:
    lengths = set()
    for value, axis in zip(scanned, axes, strict=True):
        size = value.shape[axis] if value.shape is not None else None
        lengths.add(size if isinstance(size, int) else None)
    (length, *others) = lengths
    return None if others else length


def _ints(node: ir.Node, name: str, count: int) -> list[int]:
    attribute = node.attributes.get(name)
    return [0] * count if attribute is None else list(attribute.as_ints())
