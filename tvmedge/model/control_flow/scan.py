"""Scan that is not unrolled: a loop over slices of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
from tvm import relax, te, tirx

from tvmedge.model.control_flow import values
from tvmedge.model.control_flow.functions import Inside
from tvmedge.model.control_flow.iterate import Iteration, Made, iterate
from tvmedge.model.control_flow.node import ControlNode
from tvmedge.model.control_flow.repeat import at_most
from tvmedge.model.control_flow.slices import Along, read

LONGEST = 1 << 40  # slices that a tensor can have: no memory is larger


def scan(node: ControlNode) -> relax.Expr:
    """Scan(carried.., scanned..) {body}"""
    bb = node.bb
    graph: onnx.GraphProto = node.attributes["body"]
    scanned_count = int(node.attributes["num_scan_inputs"])
    given = [values.tensor(value) for value in node.inputs]
    if len(given) != len(graph.input) or not 0 < scanned_count <= len(given):
        raise ValueError("its body takes other inputs than it is given")
    states, scanned = given[:-scanned_count], given[-scanned_count:]
    reads = [
        Along(axis % len(value.ty.shape), backward)
        for (axis, backward), value in zip(
            _ways(node, "input", scanned_count), scanned, strict=True
        )
    ]
    writes = _ways(node, "output", len(graph.output) - len(states))
    # Named like no value of the model: the step reads what it was given.
    wholes = {f"_scanned{k}": value for k, value in enumerate(scanned)}

    def body(inside: Inside, number: relax.Expr, state: Sequence[relax.Expr]) -> Made:
        slices = [
            read(bb, inside.environment[name], number, along)
            for name, along in zip(wholes, reads, strict=True)
        ]
        names = [value.name for value in graph.input]
        formals = dict(zip(names, [*state, *slices], strict=True))
        made = node.convert(graph, {**inside.environment, **formals})
        results = [values.tensor(value) for value in made]
        return Made(None, results[: len(states)], results[len(states) :])

    size = _length(scanned, reads)
    iteration = Iteration(
        states,
        [Along(axis, backward) for axis, backward in writes],
        size,
        min(at_most(node.symbols, size), LONGEST),
        None if isinstance(size, int) else _as_tensor(bb, size),
        None,
        body,
    )
    made = iterate(bb, node.captured(graph) | wholes, iteration)
    return made[0] if node.outputs == 1 else relax.Tuple(made[: node.outputs])


def _ways(node: ControlNode, kind: str, count: int) -> list[tuple[int, bool]]:
    """Axis and direction of each input or output."""
    axes = node.attributes.get(f"scan_{kind}_axes") or (0,) * count
    directions = node.attributes.get(f"scan_{kind}_directions") or (0,) * count
    return [(int(axis), bool(back)) for axis, back in zip(axes, directions, strict=True)]


def _length(scanned: Sequence[relax.Expr], reads: Sequence[Along]) -> Any:
    first, *others = [
        value.ty.shape[along.axis] for value, along in zip(scanned, reads, strict=True)
    ]
    if not all(values.equal(first, other) for other in others):
        raise ValueError(f"it scans tensors of different lengths: {first} and {others}")
    return int(first) if isinstance(first, tirx.IntImm) else first


def _as_tensor(bb: relax.BlockBuilder, size: Any) -> relax.Expr:
    """An open size as a tensor without dimensions."""

    def compute(length: Any) -> te.Tensor:
        return te.compute((), lambda: length, name="length")

    return bb.emit_te(compute, size, primfunc_name_hint="length")
