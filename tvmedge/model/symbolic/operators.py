"""What an operator on known tensors is asked, and the two that only need shapes.

An operator is a function of the node and its inputs' ``Known``; None where
the result is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tvmedge.model.symbolic.known import Known, elements
from tvmedge.model.symbolic.scalars import Scalars
from tvmedge.model.symbolic.symbols import Size, Symbols


@dataclass(frozen=True)
class Question:
    """A node whose inputs are all known, those left out None."""

    op: str
    inputs: tuple[Known | None, ...]
    attributes: Mapping[str, Any]
    outputs: int
    symbols: Symbols

    @property
    def first(self) -> Known:
        known = self.inputs[0]
        assert known is not None
        return known

    @property
    def scalars(self) -> Scalars:
        return Scalars(self.symbols, self.first.dtype)

    def scalar(self, index: int) -> Size | None:
        """An input that is one integer, open or not."""
        known = self.inputs[index]
        sizes = () if known is None else known.sizes()
        return sizes[0] if len(sizes) == 1 else None

    def numbers(self, index: int) -> list[int] | None:
        """An input of plain integers such as axes; None where it is left out or open."""
        known = self.inputs[index] if index < len(self.inputs) else None
        if known is None or not known.is_constant():
            return None
        return [int(size) for size in known.sizes()]


Answer = Known | Sequence[Known] | None
Operator = Callable[[Question], Answer]


def shape_of(dims: Sequence[Size], attributes: Mapping[str, Any]) -> Known:
    """The result of a Shape."""
    picked = dims[attributes.get("start", 0) : attributes.get("end", len(dims))]
    return Known(elements((len(picked),), picked), "int64")


def size_of(dims: Sequence[Size], symbols: Symbols) -> Known:
    """The result of a Size."""
    return Known(elements((), [symbols.product(dims)]), "int64")
