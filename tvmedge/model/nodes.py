"""Reading ONNX nodes: inputs that may be left out, attributes with their defaults."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx_ir as ir


def const(value: ir.Value | None) -> npt.NDArray[np.generic] | None:
    """The content of a value that is known at compile time, else None."""
    return None if value is None or value.const_value is None else value.const_value.numpy()


def optional(node: ir.Node, index: int) -> ir.Value | None:
    """The input at ``index``, None where it is left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def integer(node: ir.Node, name: str, default: int) -> int:
    """An integer attribute."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_int()


def text(node: ir.Node, name: str, default: str) -> str:
    """A text attribute."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_string()


def number(node: ir.Node, name: str, default: float) -> float:
    """A floating-point attribute."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_float()
