"""What a converter is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tvm import relax

from tvmedge.model.symbolic import Known, Size, Symbols, dims, is_open


@dataclass(frozen=True)
class Node:
    """An ONNX node as a converter sees it: ``inputs`` as Relax expressions, None
    where left out; ``attributes`` as Python values; ``outputs`` counts them;
    ``known`` is what is known of each input up to the ``symbols``."""

    op: str
    inputs: tuple[relax.Expr | None, ...]
    attributes: Mapping[str, Any]
    outputs: int
    opset: int
    known: tuple[Known | None, ...] = ()
    symbols: Symbols = field(default_factory=lambda: Symbols({}))

    @property
    def is_open(self) -> bool:
        """Whether a dimension of an input, or an element of a small one, is open."""
        followed = any(known is not None and not known.is_constant() for known in self.known)
        return followed or any(map(is_open, self.inputs))

    def dims(self, index: int) -> tuple[Size, ...] | None:
        """The dimensions of an input, None where they are not known."""
        return dims(self.inputs[index]) if index < len(self.inputs) else None

    def sizes(self, index: int) -> tuple[Size, ...] | None:
        """The elements of an input of integers, None where they are data or left out."""
        known = self.known[index] if index < len(self.known) else None
        return None if known is None or "int" not in known.dtype else known.sizes()


Converter = Callable[[relax.BlockBuilder, Node], relax.Expr]
