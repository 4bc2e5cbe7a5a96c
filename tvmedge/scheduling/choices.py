"""Values that are one of two by a condition: ``if_then_else``, which computes the one it needs."""

from __future__ import annotations

from typing import Any

from tvm import tirx
from tvm.ir import Call
from tvm_ffi import structural_walk

_NAME = "prim.if_then_else"


def is_choice(value: Any) -> bool:
    """Whether ``value`` is one: its arguments are the condition and both values."""
    return isinstance(value, Call) and getattr(value.op, "name", "") == _NAME


def choices(body: Any) -> list[Call]:
    """All in a statement or an expression."""
    calls: list[Call] = []
    structural_walk(body, (Call, calls.append))
    return [call for call in calls if is_choice(call)]


def depend_on(body: Any, variable: tirx.Var) -> bool:
    """Whether a condition of ``choices`` asks for ``variable``."""
    return any(
        used.same_as(variable)
        for call in choices(body)
        for used in tirx.analysis.undefined_vars(call.args[0])
    )
