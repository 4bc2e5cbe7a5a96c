"""Unroll the Scan of opset 8, which runs over batches of sequences.

before: opset 8:  s, y = Scan("", s0, x) { s, y = body(s, x_bt) }     x: [2, 3, 4]
after:  opset 8:  for each b: s1, y1 = body(s0[b], x[b, 0]); s2, y2 = body(s1, x[b, 1]); ...
                  s = stack of the last states, y = stack of stacks

ONNX's version converter would take the batch axis off the graph's inputs, and
it would not convert a body that it does not know.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from onnx_ir.passes.common import ShapeInferencePass

from tvmedge.errors import InputError
from tvmedge.model.prepare.expansions.unroll import Unrolled, affordable, replace
from tvmedge.model.prepare.rewrite import integer
from tvmedge.model.refuse import node_name

FIRST_WITHOUT_BATCHES = 9


class OldScan(InPlacePass):
    """Runs before the opset is converted."""

    def call(self, model: ir.Model) -> PassResult:
        if model.opset_imports.get("", FIRST_WITHOUT_BATCHES) >= FIRST_WITHOUT_BATCHES:
            return PassResult(model, modified=False)
        modified = False
        while scans := [n for n in model.graph.all_nodes() if n.domain == "" and _is_scan(n)]:
            if not modified:
                ShapeInferencePass()(model)
            modified = True
            _unroll(scans[0])
        return PassResult(model, modified=modified)


def _is_scan(node: ir.Node) -> bool:
    return node.op_type == "Scan"


def _unroll(node: ir.Node) -> None:
    body, count = node.attributes["body"].as_graph(), integer(node, "num_scan_inputs", 0)
    lengths, *given = node.inputs
    values = [value for value in given if value is not None]
    states, scanned = values[:-count], values[-count:]
    batch, steps = _extent(scanned, 0), _extent(scanned, 1)
    known = batch and steps and affordable(body, batch * steps) and lengths is None
    if not known or len(values) != len(body.inputs):
        raise InputError(
            f"node '{node_name(node)}' is the Scan of an opset before {FIRST_WITHOUT_BATCHES}, "
            "which runs over batches, with sequences of unknown, different or large lengths: "
            f"export it for opset {FIRST_WITHOUT_BATCHES} or newer."
        )
    given_ways = node.attributes.get("directions")
    backwards = [0] * count if given_ways is None else list(given_ways.as_ints())
    line = Unrolled(body)
    # For each output what each row of the batch gives.
    rows: list[list[ir.Value]] = [[] for _ in body.outputs]
    for row in range(batch):
        last = [_pick(line, state, row) for state in states]
        sequences = [_pick(line, value, row) for value in scanned]
        stacks: list[list[ir.Value]] = [[] for _ in body.outputs[len(states) :]]
        for step in range(steps):
            slices = [
                _pick(line, value, steps - 1 - step if back else step)
                for value, back in zip(sequences, backwards, strict=True)
            ]
            outputs = line.step([*last, *slices])
            last = outputs[: len(states)]
            for stack, value in zip(stacks, outputs[len(states) :], strict=True):
                stack.append(value)
        for done, value in zip(rows, [*last, *(_stack(line, s) for s in stacks)], strict=True):
            done.append(value)
    assert node.graph is not None and isinstance(node.graph, ir.Graph)
    replace(node.graph, node, line.nodes, [_stack(line, values) for values in rows])


def _pick(line: Unrolled, value: ir.Value, index: int) -> ir.Value:
    return line.op("Gather", [value, line.number(index)], {"axis": 0})


def _stack(line: Unrolled, values: Sequence[ir.Value]) -> ir.Value:
    """Along a new first axis, in the words of opset 8."""
    slices = []
    for value in values:
        node = ir.Node("", "Unsqueeze", [value], [ir.AttrInt64s("axes", [0])])
        line.nodes.append(node)
        slices.append(node.outputs[0])
    return line.op("Concat", slices, {"axis": 0})


def _extent(scanned: Sequence[ir.Value], axis: int) -> int:
    """0 where the inputs disagree or their size is not known."""
    sizes = {value.shape[axis] if value.shape is not None else None for value in scanned}
    (size, *others) = sizes
    return size if isinstance(size, int) and not others else 0
