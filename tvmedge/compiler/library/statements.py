"""Rewriting TIR statements from the outside in, which TVM offers in C++ only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tvm
from tvm import tirx
from tvm_ffi import structural_walk

T = TypeVar("T")
Rewrite = Callable[[tirx.Stmt], "tirx.Stmt | None"]


def rewritten(statement: tirx.Stmt, rewrite: Rewrite) -> tirx.Stmt:
    """``statement`` with what ``rewrite`` gives in place of each part, None to go into it."""
    new = rewrite(statement)
    if new is not None:
        return new
    if isinstance(statement, tirx.SeqStmt):
        return tirx.SeqStmt([rewritten(part, rewrite) for part in statement.seq])
    if isinstance(statement, tirx.For):
        return for_loop(statement, rewritten(statement.body, rewrite))
    if isinstance(statement, tirx.AttrStmt):
        body = rewritten(statement.body, rewrite)
        return tirx.AttrStmt(statement.node, statement.attr_key, statement.value, body)
    return _conditional(statement, rewrite)


def _conditional(statement: tirx.Stmt, rewrite: Rewrite) -> tirx.Stmt:
    if isinstance(statement, tirx.While):
        return tirx.While(statement.condition, rewritten(statement.body, rewrite))
    if isinstance(statement, tirx.IfThenElse):
        otherwise = statement.else_case
        return tirx.IfThenElse(
            statement.condition,
            rewritten(statement.then_case, rewrite),
            None if otherwise is None else rewritten(otherwise, rewrite),
        )
    return statement


def for_loop(loop: tirx.For, body: tirx.Stmt, kind: int | None = None) -> tirx.For:
    """``loop`` with another body, and of another kind if one is given."""
    kind = loop.kind if kind is None else kind
    return tirx.For(
        loop.loop_var, loop.min, loop.extent, kind, body, loop.thread_binding, loop.annotations
    )


def found(body: Any, kind: type[T]) -> list[T]:
    """All parts of a kind in a statement or an expression."""
    parts: list[T] = []
    structural_walk(body, (kind, parts.append))
    return parts


def conjuncts(condition: tvm.ir.Expr) -> list[tvm.ir.Expr]:
    """``a and b and c`` as three."""
    if isinstance(condition, tirx.And):
        return [*conjuncts(condition.a), *conjuncts(condition.b)]
    return [condition]
