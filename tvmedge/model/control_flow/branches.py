"""If whose condition is known only when the model runs: two functions and a third that picks.

branch(c, env):  if c: then(env) else: otherwise(env)
"""

from __future__ import annotations

import onnx
from tvm import relax
from tvm.ir import GlobalVar, Type

from tvmedge.model.control_flow.functions import Environment, Inside, environment
from tvmedge.model.control_flow.node import ControlNode
from tvmedge.model.control_flow.values import result, same, scalar, tensor


def branches(node: ControlNode) -> relax.Expr:
    """If(condition) {then_branch, else_branch}"""
    bb, (given,) = node.bb, node.inputs
    then, otherwise = node.attributes["then_branch"], node.attributes["else_branch"]
    outer = environment(node.captured(then, otherwise), ())
    condition = scalar(bb, given)
    found: list[list[Type]] = []
    functions = [_branch(node, outer, graph, found) for graph in (then, otherwise)]
    for k, (one, other) in enumerate(zip(*found, strict=True)):
        if not same(one, other):
            raise ValueError(f"output {k} is {one} in one branch and {other} in the other")

    def emit(inside: Inside) -> relax.Expr:
        calls = [relax.Call(function, list(inside.arguments)) for function in functions]
        sequences = [relax.SeqExpr([], call) for call in calls]
        return bb.emit(relax.If(inside.params[0], *sequences))

    pick = outer.function(bb, "branch", [condition.ty], emit)
    return result(bb, bb.emit(relax.Call(pick, [condition, *outer.arguments])), node.outputs)


def _branch(
    node: ControlNode, outer: Environment, graph: onnx.GraphProto, found: list[list[Type]]
) -> GlobalVar:
    """One branch as a function; the types that it returns are added to ``found``."""
    bb = node.bb

    def emit(inside: Inside) -> relax.Expr:
        with bb.dataflow():
            values = [tensor(value) for value in node.convert(graph, inside.environment)]
            found.append([inside.outside(value.ty) for value in values])
            return bb.emit_output(relax.Tuple(values))

    return outer.function(bb, "then_or_else", [], emit)
