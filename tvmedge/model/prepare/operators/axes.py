"""Axes as a vector, which the importer insists on.

before: Unsqueeze(x, 0)     a scalar, as folding and some exporters write it
after:  Unsqueeze(x, [0])
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, optional


class Axes(NodeRewrite):
    """Of Squeeze and Unsqueeze."""

    operators = frozenset({"Squeeze", "Unsqueeze"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, axes = node.inputs[0], const(optional(node, 1))
        if axes is None or axes.ndim:
            return None
        return [tape.op(node.op_type, [x, constant(tape, axes.reshape(1))])]
