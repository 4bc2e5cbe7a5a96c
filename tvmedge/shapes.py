"""Shapes with open dimensions: a size, a symbol such as ``N``, or an expression of symbols.

An expression is text with ``+ - * // %``, ``min``, ``max``, parentheses,
integers and symbols: ``"2*N"``, ``"(H + 31)//32"``.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping

Dim = int | str
Shape = tuple[Dim, ...]

_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_CALLS: dict[str, Callable[[Iterable[int]], int]] = {"min": min, "max": max}
_MAX_TEXT = 1000


def is_static(shape: Shape) -> bool:
    """Whether every dimension is a size."""
    return all(isinstance(dim, int) for dim in shape)


def evaluate(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The size of ``dim`` with ``sizes`` for its symbols.

    Raises:
        ValueError: the text is no such expression, or a symbol has no size.
    """
    if isinstance(dim, int):
        return dim
    try:
        if len(dim) > _MAX_TEXT:
            raise ValueError("too long")
        return _evaluate(ast.parse(dim, mode="eval").body, sizes)
    except (SyntaxError, KeyError, ZeroDivisionError, RecursionError, MemoryError) as error:
        raise ValueError(f"cannot evaluate the dimension {dim!r}") from error


def resolve(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """``shape`` with every dimension evaluated.

    Raises:
        ValueError: as ``evaluate``.
    """
    return tuple(evaluate(dim, sizes) for dim in shape)


def describe(shape: Shape) -> str:
    """``1x3x224x224``, ``Nx3``, ``Nx(2*N)``, ``scalar``."""
    parts = [str(d) if isinstance(d, int) or d.isidentifier() else f"({d})" for d in shape]
    return "x".join(parts) or "scalar"


def _evaluate(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case ast.Name(id=name):
            return sizes[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_evaluate(left, sizes), _evaluate(right, sizes))
        case ast.Call(func=ast.Name(id=name), args=[_, _], keywords=[]) if name in _CALLS:
            return _CALLS[name](_evaluate(argument, sizes) for argument in node.args)
    raise ValueError("not an expression of sizes")
