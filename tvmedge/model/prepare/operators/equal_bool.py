"""Equality of truth values, which TVM would compare as floating-point numbers.

before: Equal(a, b)             a, b: bool
after:  Not(Xor(a, b))
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite


class EqualBool(NodeRewrite):
    """LLVM's verifier stops the comparison TVM writes."""

    operators = frozenset({"Equal"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        a, b = node.inputs
        if a is None or a.dtype != ir.DataType.BOOL:
            return None
        return [tape.op("Not", [tape.op("Xor", [a, b])])]
