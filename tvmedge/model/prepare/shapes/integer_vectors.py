"""Integer vectors that are known up to the symbols of open dimensions.

    Concat(Gather(Shape(x), 0), [-1])  with x: float[N, 3, 8]   ->   ("N", -1)

Scalars and vectors are not told apart: both are tuples of their elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from tvmedge.model.prepare.rewrite import const, integer, optional
from tvmedge.shapes import Dim

MAX_ELEMENTS = 64
MAX_DEPTH = 64

Vector = tuple[Dim, ...]


def vector(value: ir.Value | None, depth: int = MAX_DEPTH) -> Vector | None:
    """The elements of ``value``, None where they are not known."""
    array = const(value)
    if array is not None:
        small = array.ndim <= 1 and array.size <= MAX_ELEMENTS and array.dtype.kind == "i"
        return tuple(int(element) for element in array.reshape(-1)) if small else None
    node = value.producer() if value is not None else None
    if node is None or node.domain != "" or depth == 0:
        return None
    if node.op_type == "Shape":
        return _shape(node)
    if node.op_type == "Concat":
        return _joined([vector(part, depth - 1) for part in node.inputs])
    transform = _OF_ONE.get(node.op_type)
    source = vector(node.inputs[0], depth - 1) if transform else None
    return None if transform is None or source is None else transform(node, source)


def _joined(parts: Sequence[Vector | None]) -> Vector | None:
    known = [part for part in parts if part is not None]
    return sum(known, ()) if len(known) == len(parts) else None


def _shape(node: ir.Node) -> Vector | None:
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    if shape is None:
        return None
    dims = [dim if isinstance(dim, int) else dim.value for dim in shape]
    end = integer(node, "end", len(dims))
    picked = dims[integer(node, "start", 0) : end]
    if any(dim is None for dim in picked):
        return None
    return tuple(dim if isinstance(dim, int) else str(dim) for dim in picked)


def _same(node: ir.Node, source: Vector) -> Vector | None:
    return source


def _gather(node: ir.Node, source: Vector) -> Vector | None:
    indices = const(node.inputs[1])
    if indices is None or indices.ndim > 1:
        return None
    return _pick(source, [int(index) for index in indices.reshape(-1)])


def _slice(node: ir.Node, source: Vector) -> Vector | None:
    starts, ends = const(node.inputs[1]), const(node.inputs[2])
    steps = optional(node, 4)
    step = np.array([1]) if steps is None else const(steps)
    if starts is None or ends is None or step is None or starts.size != 1:
        return None
    return source[slice(int(starts.item()), int(ends.item()), int(step.item()))]


def _pick(source: Vector, indices: Sequence[int]) -> Vector | None:
    size = len(source)
    if any(not -size <= index < size for index in indices):
        return None
    return tuple(source[index] for index in indices)


_OF_ONE: dict[str, Callable[[ir.Node, Vector], Vector | None]] = {
    "Cast": _same,
    "Gather": _gather,
    "Identity": _same,
    "Reshape": _same,
    "Slice": _slice,
    "Squeeze": _same,
    "Unsqueeze": _same,
}
