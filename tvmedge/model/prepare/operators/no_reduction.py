"""Reductions over no axes, which still do the rest of what they are named for.

before: ReduceSumSquare(x, noop_with_empty_axes=1)
after:  Mul(x, x)

The importer gives x itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, integer, optional

# What is left of the operator, of an input or of two.
_REST = {
    "ReduceL1": ("Abs", 1),
    "ReduceL2": ("Abs", 1),
    "ReduceLogSum": ("Log", 1),
    "ReduceSumSquare": ("Mul", 2),
}
_NOTHING_LEFT = frozenset(
    f"Reduce{kind}" for kind in ("LogSumExp", "Max", "Mean", "Min", "Prod", "Sum")
)


class NoReduction(NodeRewrite):
    """Axes left out, or none in the list of them."""

    operators = frozenset(_REST) | _NOTHING_LEFT

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        if not integer(node, "noop_with_empty_axes", 0):
            return None
        axes = optional(node, 1)
        known = const(axes)
        if axes is not None and (known is None or known.size):
            return None
        operator, count = _REST.get(node.op_type, ("Identity", 1))
        return [tape.op(operator, [node.inputs[0]] * count)]
