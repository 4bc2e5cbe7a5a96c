"""Unroll a Loop that runs a known number of times.

before: s, y = Loop(3, True, s0) { s, y = body(i, s) }
after:  s1, y1 = body(0, s0); s2, y2 = body(1, s1); s3, y3 = ...; y = Concat(y1, y2, y3)
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

from tvmedge.model.prepare.expansions.trips import loop_trips
from tvmedge.model.prepare.expansions.unroll import Unrolled, replace, worthwhile


class UnrollLoop(InPlacePass):
    """Takes loops of a constant count and condition whose straight line is small."""

    def call(self, model: ir.Model) -> PassResult:
        modified = False
        for graph in (model.graph, *model.graph.subgraphs()):
            for node in tuple(graph):
                if node.domain == "" and node.op_type == "Loop":
                    modified |= _unroll(graph, node)
        return PassResult(model, modified=modified)


def _unroll(graph: ir.Graph, node: ir.Node) -> bool:
    body = node.attributes["body"].as_graph()
    trips = loop_trips(node)
    states = [value for value in node.inputs[2:] if value is not None]
    if trips is None or len(states) + 2 != len(body.inputs) or not worthwhile(node, trips):
        return False
    line = Unrolled(body, str(node.outputs[0].name))
    stacks: list[list[ir.Value]] = [[] for _ in body.outputs[1 + len(states) :]]
    for step in range(trips):
        true = line.op("Constant", [], {"value": ir.tensor(np.array(True))})
        outputs = line.step([line.number(step), true, *states])[1:]
        states = outputs[: len(states)]
        for stack, value in zip(stacks, outputs[len(states) :], strict=True):
            stack.append(value)
    if trips == 0:
        scans = [_nothing(line, value) for value in body.outputs[1 + len(states) :]]
        if None in scans:
            return False
    else:
        scans = [line.stack(stack, 0) for stack in stacks]
    ends = [line.op("Identity", [state]) for state in states]
    replace(graph, node, line.nodes, [*ends, *[scan for scan in scans if scan is not None]])
    return True


def _nothing(line: Unrolled, value: ir.Value) -> ir.Value | None:
    """The stack of no results."""
    if value.shape is None or value.dtype is None or not value.shape.is_static():
        return None
    empty = np.zeros((0, *value.shape.numpy()), value.dtype.numpy())
    return line.op("Constant", [], {"value": ir.tensor(empty)})
