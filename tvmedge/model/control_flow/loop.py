"""Loop that is not unrolled: long, or of a length that data decides."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from tvm import relax

from tvmedge.model.control_flow import values
from tvmedge.model.control_flow.functions import Inside
from tvmedge.model.control_flow.iterate import Iteration, Made, iterate
from tvmedge.model.control_flow.node import ControlNode
from tvmedge.model.control_flow.repeat import EVER, at_most
from tvmedge.model.control_flow.slices import Along
from tvmedge.model.symbolic import Size


def loop(node: ControlNode) -> relax.Expr:
    """Loop(count, condition, carried..) {body}"""
    bb = node.bb
    graph: onnx.GraphProto = node.attributes["body"]
    _, start, *carried = node.inputs
    states = [values.tensor(value) for value in carried]
    if len(states) + 2 != len(graph.input):
        raise ValueError("its body takes other states than it is given")

    def body(inside: Inside, number: relax.Expr, state: Sequence[relax.Expr]) -> Made:
        # The body only runs while the condition holds.
        going = relax.const(True, "bool")
        first = [_as_declared(bb, v, graph.input[k]) for k, v in enumerate((number, going))]
        names = [value.name for value in graph.input]
        given = dict(zip(names, [*first, *state], strict=True))
        made = list(node.convert(graph, {**inside.environment, **given}))
        goes_on, *rest = [values.tensor(value) for value in made]
        return Made(values.scalar(bb, goes_on), rest[: len(states)], rest[len(states) :])

    stacks = [Along(0, backward=False)] * (len(graph.output) - 1 - len(states))
    size, limit = _count(node)
    begins = None if start is None else values.known(start)
    if begins == 0:
        size, limit = 0, None
    by_data = None if start is None or begins is not None else values.scalar(bb, start)
    most = EVER if size is None else at_most(node.symbols, size)
    iteration = Iteration(states, stacks, size, most, limit, by_data, body)
    made = iterate(bb, node.captured(graph), iteration)
    return made[0] if node.outputs == 1 else relax.Tuple(made[: node.outputs])


def _count(node: ControlNode) -> tuple[Size | None, relax.Expr | None]:
    """How many iterations at most, as a size where it is one and as a tensor."""
    count = node.inputs[0]
    if count is None:
        return None, None
    sizes = node.sizes(count)
    size = sizes[0] if sizes else None
    if isinstance(size, int):
        return max(size, 0), relax.const(max(size, 0), "int64")
    if size is not None and not node.symbols.proves(size >= 0):
        size = node.symbols.most(size, 0)
    return size, values.scalar(node.bb, count)


def _as_declared(
    bb: relax.BlockBuilder, value: relax.Expr, formal: onnx.ValueInfoProto
) -> relax.Expr:
    """``value`` in a vector where the body declares one."""
    tensor = formal.type.tensor_type
    if not tensor.HasField("shape") or not tensor.shape.dim:
        return value
    return bb.normalize(relax.op.reshape(value, [1] * len(tensor.shape.dim)))
