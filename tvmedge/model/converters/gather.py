"""Gather by constant indices: a table lookup with nothing left to check.

TVM's importer computes the sign and the bound of every index while the model
runs, although constants are known here; it still takes all other indices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import ir, relax, tirx
from tvm.relax.frontend.onnx import onnx_frontend

from tvmedge.model.converters.node import Node


def gather(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Gather(x, indices, axis)"""
    x, indices = node.inputs
    extent = _extent(x, int(node.attributes.get("axis", 0)))
    if not isinstance(indices, ir.GenericConst) or extent is None:
        return _by_importer(bb, node)
    axis, length = extent
    table = indices.value.numpy().astype(np.int64)
    if table.size and not (-length <= table.min() and table.max() < length):
        raise ValueError(f"an index is outside of axis {axis}, which has {length} elements")
    positive = relax.const(np.where(table < 0, table + length, table))
    return relax.op.take(x, positive, axis=axis, mode="fast")


def _extent(x: Any, axis: int) -> tuple[int, int] | None:
    """The axis counted from the front and its extent, where both are known."""
    type_ = getattr(x, "ty", None)
    if not isinstance(type_, relax.TensorType) or not isinstance(type_.shape, relax.ShapeExpr):
        return None
    axis %= type_.ndim
    length = type_.shape[axis]
    return (axis, int(length)) if isinstance(length, tirx.IntImm) else None


def _by_importer(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    convert = onnx_frontend.Gather.get_converter(node.opset)
    return convert(bb, onnx_frontend.onnx_input(node.inputs), dict(node.attributes), [{}, {}])
