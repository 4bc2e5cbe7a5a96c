"""Operators of any number of inputs, two at a time.

before: Sum(a, b, c)          Max(a, b, c)         Mean(a, b)
after:  Add(Add(a, b), c)     Max(Max(a, b), c)    Div(Add(a, b), 2)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant

_PAIRWISE = {"Max": "Max", "Min": "Min", "Sum": "Add", "Mean": "Add"}


class Variadic(NodeRewrite):
    """Max and Min of two inputs stay."""

    operators = frozenset(_PAIRWISE)

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        values = [value for value in node.inputs if value is not None]
        pair = _PAIRWISE[node.op_type]
        if len(values) == 2 and node.op_type == pair:
            return None
        if len(values) == 1:
            return [tape.op("Identity", values)]
        result = reduce(lambda a, b: tape.op(pair, [a, b]), values)
        if node.op_type != "Mean":
            return [result]
        dtype = values[0].dtype
        if dtype is None:
            return None
        return [tape.op("Div", [result, constant(tape, len(values), dtype.numpy())])]
