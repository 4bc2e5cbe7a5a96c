"""What a prepared graph costs: multiply-accumulates and memory for activations.

Multiply-accumulates are counted for Conv, ConvTranspose, MatMul, Gemm, LSTM, GRU
and RNN; every other operator counts 0. Nodes of an If, Loop or Scan body count
once. Two FLOPs make one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir


@dataclass(frozen=True)
class Cost:
    """``macs`` leaves out the ``uncounted`` nodes, whose shapes are not known;
    ``peak_bytes`` leaves out the ``unsized`` values.

    ``peak_bytes`` is an estimate: the nodes run in the order of the file, each
    value lives from its node to its last use, and nothing is fused or shared.
    """

    macs: int
    uncounted: int
    peak_bytes: int
    unsized: int


def cost(graph: ir.Graph) -> Cost:
    """The cost of one run of a prepared graph."""
    counted = [_macs(node) for node in graph.all_nodes()]
    values = [value for node in graph.all_nodes() for value in node.outputs]
    return Cost(
        macs=sum(count for count in counted if count is not None),
        uncounted=counted.count(None),
        peak_bytes=_peak(graph),
        unsized=sum(_bytes(value) is None for value in (*graph.inputs, *values)),
    )


def _macs(node: ir.Node) -> int | None:
    """None where a shape that counts is not known."""
    count = MACS.get(node.op_type)
    if count is None:
        return 0
    try:
        return count(node)
    except (_UnknownShapeError, IndexError):
        return None


class _UnknownShapeError(Exception):
    pass


def _shape(values: Iterable[ir.Value | None], index: int) -> tuple[int, ...]:
    value = tuple(values)[index]
    if value is None or value.shape is None or not value.shape.is_static():
        raise _UnknownShapeError
    return value.shape.numpy()


def _conv(node: ir.Node) -> int:
    return math.prod(_shape(node.outputs, 0)) * math.prod(_shape(node.inputs, 1)[1:])


def _conv_transpose(node: ir.Node) -> int:
    return math.prod(_shape(node.inputs, 0)) * math.prod(_shape(node.inputs, 1)[1:])


def _matmul(node: ir.Node) -> int:
    return math.prod(_shape(node.outputs, 0)) * _shape(node.inputs, 0)[-1]


def _gemm(node: ir.Node) -> int:
    transposed = "transA" in node.attributes and node.attributes["transA"].as_int()
    return math.prod(_shape(node.outputs, 0)) * _shape(node.inputs, 0)[0 if transposed else 1]


def _recurrent(node: ir.Node) -> int:
    """Steps x batch is what X holds beside its features; W and R are used in each."""
    steps_and_batch = math.prod(_shape(node.inputs, 0)[:2])
    return steps_and_batch * sum(math.prod(_shape(node.inputs, index)) for index in (1, 2))


MACS: Mapping[str, Callable[[ir.Node], int]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "MatMul": _matmul,
    "RNN": _recurrent,
}


def _peak(graph: ir.Graph) -> int:
    last_use = {value: index for index, value in _uses(graph)}
    kept = {*graph.inputs, *graph.outputs}
    live = sum(_bytes(value) or 0 for value in graph.inputs)
    peak = live
    for index, node in enumerate(graph):
        made = sum(_bytes(value) or 0 for value in node.outputs)
        live += made
        peak = max(peak, live + max(map(_peak, _bodies(node)), default=0))
        used = {*node.inputs, *node.outputs} | {v for b in _bodies(node) for _, v in _uses(b)}
        for value in used - kept:
            if value is not None and value.producer() and last_use.get(value, index) == index:
                live -= _bytes(value) or 0
    return peak


def _uses(graph: ir.Graph) -> Iterator[tuple[int, ir.Value]]:
    """(index of the node, value it reads), what its bodies read included."""
    for index, node in enumerate(graph):
        for value in node.inputs:
            if value is not None:
                yield index, value
        for body in _bodies(node):
            yield from ((index, value) for _, value in _uses(body))
            yield from ((index, value) for value in body.outputs)


def _bodies(node: ir.Node) -> tuple[ir.Graph, ...]:
    bodies: list[ir.Graph] = []
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            bodies.append(attribute.as_graph())
        elif attribute.type == ir.AttributeType.GRAPHS:
            bodies.extend(attribute.as_graphs())
    return tuple(bodies)


def _bytes(value: ir.Value) -> int | None:
    if value.shape is None or value.dtype is None or not value.shape.is_static():
        return None
    if value.dtype in (ir.DataType.STRING, ir.DataType.UNDEFINED):
        return None
    return math.ceil(math.prod(value.shape.numpy()) * value.dtype.bitwidth / 8)
