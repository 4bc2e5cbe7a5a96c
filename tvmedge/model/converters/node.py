"""What a converter is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tvm import relax


@dataclass(frozen=True)
class Node:
    """An ONNX node as a converter sees it: ``inputs`` as Relax expressions, None
    where left out; ``attributes`` as Python values; ``outputs`` counts them."""

    op: str
    inputs: tuple[relax.Expr | None, ...]
    attributes: Mapping[str, Any]
    outputs: int
    opset: int


Converter = Callable[[relax.BlockBuilder, Node], relax.Expr]
