"""Small tensors that are known up to the symbols of open dimensions.

Exporters compute shapes with tensors: Shape, Gather, Mul, Floor, Concat. While
a graph is imported, such tensors are followed symbolically (``known``), so that
what takes a shape, a size or a position gets an expression such as ``N // 2``
in place of data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tvmedge.model.symbolic.elementwise import ELEMENTWISE
from tvmedge.model.symbolic.known import Known, as_tensor, known_constant
from tvmedge.model.symbolic.layout import LAYOUT
from tvmedge.model.symbolic.operators import Operator, Question, shape_of, size_of
from tvmedge.model.symbolic.symbols import Size, Symbols, dims, expression, is_open

__all__ = [
    "Known",
    "Size",
    "Symbols",
    "answer",
    "as_tensor",
    "dims",
    "expression",
    "is_open",
    "known_constant",
]

_OPERATORS: Mapping[str, Operator] = {**ELEMENTWISE, **LAYOUT}


def answer(
    op: str,
    values: Sequence[Any],
    known: Sequence[Known | None],
    attributes: Mapping[str, Any],
    outputs: int,
    symbols: Symbols,
) -> tuple[Known, ...] | None:
    """The outputs of a node where they follow from shapes and small constants.

    ``values`` are the inputs as Relax expressions, None where left out;
    ``known`` is what is known of them.
    """
    if op in ("Shape", "Size"):
        shape = dims(values[0])
        if shape is None:
            return None
        return (shape_of(shape, attributes) if op == "Shape" else size_of(shape, symbols),)
    if op not in _OPERATORS or any(
        k is None for k, value in zip(known, values, strict=True) if value is not None
    ):
        return None
    result = _OPERATORS[op](Question(op, tuple(known), attributes, outputs, symbols))
    if result is None:
        return None
    return (result,) if isinstance(result, Known) else tuple(result)
