"""What Loop and Scan share: a step as a function, its state, the results it stacks.

    step(flag?, number, carried.., stacks.., environment..)
        -> (flag?, number + 1, carried.., stacks..)

The flag is there where data decides whether another step follows. A stack is
allocated once and written in place, a slice a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tvm import relax
from tvm.ir import GlobalVar, Type

from tvmedge.model.control_flow import values
from tvmedge.model.control_flow.advance import Conditions, advanced, begun
from tvmedge.model.control_flow.functions import Environment, Inside, environment
from tvmedge.model.control_flow.repeat import repeated, repeated_while
from tvmedge.model.control_flow.slices import Along, write

LIMIT = "_limit"  # no name of a model's value begins like this
NUMBER = relax.TensorType([], "int64")
FLAG = relax.TensorType([], "bool")


@dataclass(frozen=True)
class Made:
    """What one step made; ``goes_on`` is None where data has no say."""

    goes_on: relax.Expr | None
    carried: Sequence[relax.Expr]
    parts: Sequence[relax.Expr]


Body = Callable[[Inside, relax.Expr, Sequence[relax.Expr]], Made]


@dataclass(frozen=True)
class Iteration:
    """``count`` is how many steps there are at most: a number, a size with open
    dimensions, or None where only ``limit``, a tensor, or nothing bounds them;
    ``most`` is a number that is no less. ``start`` says whether there is a first
    step, None where there is."""

    carried: Sequence[relax.Expr]
    along: Sequence[Along]
    count: Any
    most: int
    limit: relax.Expr | None
    start: relax.Expr | None
    body: Body


@dataclass
class _Step:
    """The step, and what its function turned out to be."""

    flagged: bool = False
    stacks: list[Type] = field(default_factory=list)


def iterate(
    bb: relax.BlockBuilder, known: Mapping[str, relax.Expr], loop: Iteration
) -> list[relax.Expr]:
    """Emit the loop; returns the carried values after it and the stacks."""
    around = dict(known) | ({LIMIT: loop.limit} if loop.limit is not None else {})
    open_sizes = [] if loop.count is None else [relax.ShapeType([loop.count])]
    carried = [value.ty for value in loop.carried]
    outer = environment(around, [*carried, *open_sizes])
    found = _Step()
    step = outer.function(bb, "step", [NUMBER, *carried], lambda i: _step(bb, loop, i, found))
    stacks = [
        bb.emit(relax.op.builtin.alloc_tensor(t.shape, str(t.dtype), 0)) for t in found.stacks
    ]
    state = [relax.const(0, "int64"), *loop.carried, *stacks]
    types = [NUMBER, *carried, *found.stacks]
    if found.flagged:
        state, types = [begun(bb, (loop.limit, loop.start)), *state], [FLAG, *types]
    run = _run(bb, outer, step, types, loop, found)
    if run is None:
        return [*loop.carried, *stacks]
    made = bb.emit(relax.Call(run, [*state, *outer.arguments]))
    first = len(types) - len(carried) - len(stacks)
    return [bb.emit(relax.TupleGetItem(made, k)) for k in range(first, len(types))]


def _run(
    bb: relax.BlockBuilder,
    outer: Environment,
    step: GlobalVar,
    types: Sequence[Type],
    loop: Iteration,
    found: _Step,
) -> GlobalVar | None:
    if not found.flagged:
        return repeated(bb, outer, step, types, loop.count) if loop.count else None
    return repeated_while(bb, outer, step, types, loop.most)


def _step(bb: relax.BlockBuilder, loop: Iteration, inside: Inside, found: _Step) -> relax.Expr:
    number, *carried = inside.params
    with bb.dataflow():
        made = loop.body(inside, number, carried)
        for k, (before, after) in enumerate(zip(carried, made.carried, strict=True)):
            if not values.same(before.ty, after.ty):
                raise ValueError(
                    f"its state {k} changes from {before.ty} to {after.ty} between iterations: "
                    "only a state of one shape can be carried"
                )
        conditions = _conditions(loop, inside, made.goes_on)
        if conditions is None:
            flag, after = None, bb.emit(relax.op.add(number, relax.const(1, "int64")))
        else:
            after, flag = advanced(bb, number, conditions)
        alongs = [a.of(part.ty) for a, part in zip(loop.along, made.parts, strict=True)]
        found.stacks = [
            a.stack_type(inside.outside(part.ty), loop.count)
            for a, part in zip(alongs, made.parts, strict=True)
        ]
        stacks = [relax.Var(f"stack{k}", inside.within(t)) for k, t in enumerate(found.stacks)]
        written = [
            write(bb, stack, part, number, along)
            for stack, part, along in zip(stacks, made.parts, alongs, strict=True)
        ]
        results = [*([] if flag is None else [flag]), after, *made.carried, *written]
        made_tuple = bb.emit_output(relax.Tuple(results))
    if flag is not None:
        found.flagged = True
        inside.first.append(relax.Var("flag", FLAG))
    inside.more.extend(stacks)
    return made_tuple


def _conditions(loop: Iteration, inside: Inside, goes_on: relax.Expr | None) -> Conditions | None:
    """What decides whether another step follows; None where the count alone does."""
    by_data = goes_on is not None and values.known(goes_on) != 1
    if loop.along and (by_data or loop.start is not None or loop.count is None):
        raise ValueError(
            "how many results it stacks is known only when it runs: give it a constant count "
            "and a condition that is always true"
        )
    if isinstance(loop.count, int) and loop.start is None and not by_data:
        return None
    limit = inside.environment.get(LIMIT)
    if limit is None and not by_data:
        raise ValueError("it never ends: it has neither a count nor a condition that changes")
    return limit, goes_on if by_data else None
