"""The number of an iteration and whether there is one, in a kernel of their own.

before: number + 1; number + 1 < limit; (number + 1 < limit) and condition       three kernels
after:  one that makes both: a call costs more than what it computes
"""

from __future__ import annotations

from typing import Any

from tvm import relax, te, tirx

Conditions = tuple[relax.Expr | None, relax.Expr | None]
"""A limit that the number must stay below, and a flag; None where there is none."""


def advanced(
    bb: relax.BlockBuilder, number: relax.Expr, conditions: Conditions
) -> tuple[relax.Expr, relax.Expr]:
    """The next number, and whether the iteration of that number runs."""
    return _both(bb, number, 1, conditions)


def begun(bb: relax.BlockBuilder, conditions: Conditions) -> relax.Expr:
    """Whether there is a first iteration."""
    return _both(bb, relax.const(0, "int64"), 0, conditions)[1]


def _both(
    bb: relax.BlockBuilder, number: relax.Expr, by: int, conditions: Conditions
) -> tuple[relax.Expr, relax.Expr]:
    limit, flag = conditions

    def compute(count: te.Tensor, *given: te.Tensor) -> Any:
        rest = list(given)
        below = rest.pop(0) if limit is not None else None
        up = rest.pop(0) if flag is not None else None

        def element() -> tuple[tirx.Expr, tirx.Expr]:
            after = count() + tirx.const(by, "int64")
            parts = [] if below is None else [after < below()]
            parts += [] if up is None else [up()]
            return after, tirx.all(*parts) if parts else tirx.const(True, "bool")

        return te.compute((), element, name="advance")

    operands = [value for value in conditions if value is not None]
    made = bb.emit_te(compute, number, *operands, primfunc_name_hint="advance")
    after, going = (bb.emit(relax.TupleGetItem(made, k)) for k in range(2))
    return after, going
