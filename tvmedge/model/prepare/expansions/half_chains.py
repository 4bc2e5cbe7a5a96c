"""Keep what is computed in float32 there until half precision is stored.

before: MatMul(Cast(Softmax(s32), float16), v)          the Cast is ``half_precision``'s
after:  Cast(MatMul(Softmax(s32), Cast(v, float32)), float16)

onnxruntime's CPU does likewise: it has no half-precision kernels and removes
the casts between two that it made. Casts of the model's own stay: they round.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.expansions.half_precision import in_single, is_rounding
from tvmedge.model.prepare.rewrite import NodeRewrite, const


class HalfChains(NodeRewrite):
    """Casts back to float32, and products of a value just rounded with another.

    Products with weights keep the weights narrow, and so their inputs.
    """

    operators = frozenset({"Cast", "MatMul"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        sources = [value for value in map(_unrounded, node.inputs) if value is not None]
        if not sources or any(const(value) is not None for value in node.inputs):
            return None
        if node.op_type == "Cast":
            single = node.attributes["to"].as_int() == ir.DataType.FLOAT
            return [tape.op("Identity", sources)] if single else None
        return in_single(tape, node)


def _unrounded(value: ir.Value | None) -> ir.Value | None:
    """What was rounded to give ``value``."""
    node = value.producer() if value is not None else None
    return node.inputs[0] if node is not None and is_rounding(node) else None
