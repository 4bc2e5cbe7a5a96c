"""Operators that we import to Relax ourselves, in place of or beside TVM's importer.

One operator (or family) a file. What ONNX's own primitives can express is a
rewrite in ``prepare`` instead; here is what needs Relax or TIR of ours.
"""

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

CONVERTERS: Mapping[str, Converter] = {}
