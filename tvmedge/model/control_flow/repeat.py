"""Repeating a step as a tower of functions that each call the one below twice.

    known count:    run7(s) = step(run6(s));  run6(s) = run3(run3(s));  run3(s) = step(run2(s)); ...
    by a flag:      up8(s) = s = up4(s); if s.go: s = up4(s)            at most 8 steps

The stack is as deep as the count has bits, and there are at most two functions
a bit: the VM, which cannot jump back, would otherwise need a frame an iteration.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm import relax
from tvm.ir import GlobalVar, Type

from tvmedge.model.control_flow.functions import Environment, Inside
from tvmedge.model.symbolic import Size, Symbols

EVER = (1 << 63) - 1  # the longest loop that ONNX can count


def at_most(symbols: Symbols, count: Size) -> int:
    """The least power of two that is proven to be no less than ``count``."""
    powers = (1 << bits for bits in range(EVER.bit_length()))
    return next((power for power in powers if symbols.proves(count <= power)), EVER)


def repeated(
    bb: relax.BlockBuilder, outer: Environment, step: GlobalVar, state: Sequence[Type], count: int
) -> GlobalVar:
    """A function that does ``step`` ``count`` times, at least once."""
    if count == 1:
        return step
    half = repeated(bb, outer, step, state, count // 2)
    functions = (half, half, step) if count % 2 else (half, half)

    def emit(inside: Inside) -> relax.Expr:
        with bb.dataflow():
            values: Sequence[relax.Expr] = inside.params
            for function in functions:
                made = bb.emit(relax.Call(function, [*values, *inside.arguments]))
                values = _items(made, len(state))
            return bb.emit_output(made)

    return outer.function(bb, f"run{count}", state, emit)


def repeated_while(
    bb: relax.BlockBuilder, outer: Environment, step: GlobalVar, state: Sequence[Type], most: int
) -> GlobalVar:
    """A function that does ``step`` as long as the first value of the state says so.

    The step is done ``most`` times at most (or some more: a power of two), and
    not at all where the flag is down at the start.
    """
    lower = step
    for level in range((most - 1).bit_length()):

        def emit(inside: Inside, lower: GlobalVar = lower) -> relax.Expr:
            first = bb.emit(relax.Call(lower, [*inside.params, *inside.arguments]))
            return _if_up(bb, lower, first, _items(first, len(state)), inside)

        lower = outer.function(bb, f"up{level + 1}", state, emit)

    def start(inside: Inside) -> relax.Expr:
        return _if_up(bb, lower, relax.Tuple(list(inside.params)), inside.params, inside)

    return outer.function(bb, "start", state, start)


def _items(made: relax.Expr, count: int) -> list[relax.Expr]:
    return [relax.TupleGetItem(made, k) for k in range(count)]


def _if_up(
    bb: relax.BlockBuilder,
    function: GlobalVar,
    state: relax.Expr,
    items: Sequence[relax.Expr],
    inside: Inside,
) -> relax.Expr:
    """``function`` of ``state`` where its flag is up, else ``state``."""
    flag = bb.emit(items[0]) if isinstance(items[0], relax.TupleGetItem) else items[0]
    more = relax.SeqExpr([], relax.Call(function, [*items, *inside.arguments]))
    return bb.emit(relax.If(flag, more, relax.SeqExpr([], state)))
