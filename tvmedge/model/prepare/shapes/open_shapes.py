"""Reshape and Expand of open shapes without arithmetic on shapes.

before: Reshape(x, Concat(Shape(x)[0:1], [24]))    with x: float[N, 3, 8]
after:  Reshape(x, [0, 24])
before: Expand(x, Concat(Shape(x)[0:1], [5]))      with x: float[N, 1]
after:  Expand(x, [1, 5])

0 keeps the input's own dimension, and for Expand 1 keeps what is there. What then
nobody reads goes away. ONNX's shape inference can follow this form; what does not fit
it is left to the import, which follows sizes as expressions (``model/symbolic``).
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, integer
from tvmedge.model.prepare.shapes.integer_vectors import Vector, vector


class OpenShapes(NodeRewrite):
    """Only where the target is known up to symbols and fits this form."""

    operators = frozenset({"Reshape", "Expand"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, shape = node.inputs
        if x is None or const(shape) is not None or integer(node, "allowzero", 0):
            return None
        target, dims = vector(shape), _dims(x)
        if target is None or dims is None:
            return None
        fixed = _reshape(dims, target) if node.op_type == "Reshape" else _expand(dims, target)
        if fixed is None:
            return None
        return [tape.op(node.op_type, [x, constant(tape, fixed, "int64")])]


def _dims(x: ir.Value) -> list[int | str | None] | None:
    if x.shape is None:
        return None
    return [dim if isinstance(dim, int) else dim.value for dim in x.shape]


def _reshape(dims: list[int | str | None], target: Vector) -> list[int] | None:
    """``target`` with 0 for the input's own dimensions."""
    fixed = []
    for index, dim in enumerate(target):
        if isinstance(dim, int):
            fixed.append(dim)
        elif index < len(dims) and dims[index] == dim:
            fixed.append(0)
        else:
            return None
    return fixed


def _expand(dims: list[int | str | None], target: Vector) -> list[int] | None:
    """``target`` with 1 for symbols that the input has in the same place."""
    aligned = [None] * (len(target) - len(dims)) + dims
    fixed = []
    for dim, own in zip(target, aligned[-len(target) :] if target else [], strict=True):
        if isinstance(dim, int):
            fixed.append(dim)
        elif dim == own:
            fixed.append(1)
        else:
            return None
    return fixed
