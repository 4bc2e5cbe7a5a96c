"""Dimensions that must agree, where TVM would not look or would give no shape.

Add(x: [N, 3], y: [N, 4])                      refused: never the same
Add(x: [N], y: [3])                            refused: only for one N, so N should be fixed
Add(x: [H // 16], y: [H // 32 * 2])            compiled; checked at every run
MatMul(x: [N, 4, 4], y: [2, 4, 4])             refused: TVM would take it for N matrices
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.sizes import require_zero
from tvmedge.model.symbolic import Size, dims, expression

# Their outputs' shapes depend on data, whatever the inputs' shapes.
DATA_DEPENDENT = frozenset({"Compress", "If", "Loop", "NonMaxSuppression", "NonZero", "Unique"})

# How many of the last dimensions are not broadcast.
BROADCAST: Mapping[str, int] = {
    "Add": 0,
    "And": 0,
    "BitShift": 0,
    "BitwiseAnd": 0,
    "BitwiseOr": 0,
    "BitwiseXor": 0,
    "Div": 0,
    "Equal": 0,
    "Greater": 0,
    "GreaterOrEqual": 0,
    "Less": 0,
    "LessOrEqual": 0,
    "MatMul": 2,
    "Max": 0,
    "Mean": 0,
    "Min": 0,
    "Mod": 0,
    "Mul": 0,
    "Or": 0,
    "PRelu": 0,
    "Pow": 0,
    "Sub": 0,
    "Sum": 0,
    "Where": 0,
    "Xor": 0,
}


class DisagreementError(ValueError):
    """Two sizes that must agree; ``fix`` is the size of a symbol that makes them."""

    def __init__(self, a: Size, b: Size) -> None:
        super().__init__(f"sizes {text(a)} and {text(b)} of its inputs must agree")
        pairs = [(x, y) for x, y in ((a, b), (b, a)) if isinstance(y, int)]
        self.fix = {str(x.name): y for x, y in pairs if isinstance(x, tirx.Var)}


_INTEGER = re.compile(r"T\.int64\((-?\d+)\)")


def broadcast(bb: relax.BlockBuilder, node: Node) -> Node:
    """``node`` with inputs that can be broadcast to each other.

    Raises:
        ValueError: dimensions that differ for some sizes.
    """
    if node.op not in BROADCAST:
        return node
    last = BROADCAST[node.op]
    shapes = [dims(value) for value in node.inputs]
    common: dict[int, Size] = {}
    inputs = list(node.inputs)
    for index, own in enumerate(shapes):
        if own is None:
            continue
        fitted = list(own)
        for axis in range(-len(own), -last):
            fitted[axis] = _fitted(node, common, axis, own[axis])
        inputs[index] = cast(bb, node, inputs[index], own, fitted)
    return dataclasses.replace(node, inputs=tuple(inputs))


def _fitted(node: Node, common: dict[int, Size], axis: int, size: Size) -> Size:
    """``size`` or the equal one that an input before has there."""
    if isinstance(size, int) and size == 1:
        return 1
    known = common.setdefault(axis, size)
    return same(node, known, size)


def same(node: Node, a: Size, b: Size) -> Size:
    """``b`` where it equals ``a`` for all sizes, else ``a``, to be checked at run time.

    Raises:
        ValueError: they differ, or only one size of the symbols makes them agree.
    """
    if node.symbols.equal(a, b):
        return b
    if isinstance(a, int) or isinstance(b, int) or node.symbols.proves(tirx.NE(a, b)):
        raise DisagreementError(a, b)
    return a


def cast(
    bb: relax.BlockBuilder, node: Node, value: Any, own: Sequence[Size], fitted: Sequence[Size]
) -> Any:
    """``value`` with the shape ``fitted``, which is checked when the model runs.

    Not a match_cast of the tensor: TVM takes a symbol in one for its definition.
    """
    pairs = list(zip(own, fitted, strict=True))
    if all(a is b for a, b in pairs):
        return value
    for a, b in pairs:
        require_zero(bb, node, a - b, f"{text(a)} and {text(b)} of its inputs must agree")

    def compute(data: te.Tensor) -> te.Tensor:
        return te.compute([expression(size) for size in fitted], data, name="agreed")

    return bb.emit_te(compute, value, primfunc_name_hint="agreed")


def require_shapes(node: Node, made: Any) -> None:
    """Shapes that are known before a node are known after it.

    Raises:
        ValueError: they are not, as the inputs' dimensions may not agree.
    """
    given = [v for v in node.inputs if isinstance(getattr(v, "ty", None), relax.TensorType)]
    if not node.is_open or node.op in DATA_DEPENDENT or any(dims(v) is None for v in given):
        return
    types = made.ty.fields if isinstance(made.ty, relax.TupleType) else [made.ty]
    for one in types:
        if isinstance(one, relax.TensorType) and not isinstance(one.shape, relax.ShapeExpr):
            listed = " and ".join(f"[{', '.join(map(text, dims(v) or ()))}]" for v in given)
            raise ValueError(f"its inputs {listed} fit only for some sizes")


def text(size: Size) -> str:
    """A dimension as users write it."""
    return _INTEGER.sub(r"\1", " ".join(str(size).split()))
