"""What the converters of open shapes share: reading sizes, and checks left to the run."""

from __future__ import annotations

from collections.abc import Sequence

from tvm import relax, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.symbolic import Size, expression


def dims_of(node: Node, index: int = 0) -> tuple[Size, ...]:
    """The dimensions of an input.

    Raises:
        ValueError: they depend on data.
    """
    found = node.dims(index)
    if found is None:
        raise ValueError("the shape of its input depends on data, not on shapes alone")
    return found


def tensor_of(node: Node, index: int = 0) -> relax.Expr:
    """An input that the operator cannot do without.

    Raises:
        ValueError: it is left out.
    """
    value = node.inputs[index]
    if value is None:
        raise ValueError(f"its input {index} is left out")
    return value


def sizes_of(node: Node, index: int, what: str) -> tuple[Size, ...]:
    """The elements of an input of integers; ``what`` names it.

    Raises:
        ValueError: they are data.
    """
    found = node.sizes(index)
    if found is None:
        raise ValueError(f"its {what} must follow from shapes and constants, not from data")
    return found


def axes_of(node: Node, index: int, default: Sequence[int]) -> list[int]:
    """An input of constant axes, ``default`` where it is left out."""
    if index >= len(node.inputs) or node.inputs[index] is None:
        return list(default)
    axes = sizes_of(node, index, "axes")
    if not all(isinstance(axis, int) for axis in axes):
        raise ValueError("its axes must be constants")
    return list(axes)


def shape(sizes: Sequence[Size]) -> relax.ShapeExpr:
    """A shape expression of ``sizes``."""
    return relax.ShapeExpr([expression(size) for size in sizes])


def require_zero(bb: relax.BlockBuilder, node: Node, size: Size, why: str) -> None:
    """``size`` must be 0: known now, or checked at every run.

    Raises:
        ValueError: it never is; ``why`` says what is wrong then.
    """
    size = node.symbols.size(size)
    if isinstance(size, int):
        if size != 0:
            raise ValueError(why)
        return
    if not node.symbols.equal(size, 0):
        if node.symbols.proves(tirx.NE(size, expression(0))):
            raise ValueError(why)
        given = bb.emit(shape([size]))
        bb.match_cast(given, relax.ShapeType([expression(0)]))


def clamp(node: Node, value: Size, low: Size, high: Size) -> Size:
    """``value`` within ``low`` and ``high``."""
    return node.symbols.most(low, node.symbols.least(value, high))
