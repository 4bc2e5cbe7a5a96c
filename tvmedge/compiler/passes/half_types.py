"""Buffers of float16 in place of float32.

before: x: f32[]                 y[i] = x[i] + 1         z[i] = x[i]
after:  x: f16[], y: f16[]       y[i] = half(float(x[i]) + 1)    z[i] = x[i]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from tvm import tirx
from tvm.ir.expr import TensorLoad, TensorRegion
from tvm.s_tir.stmt import SBlock
from tvm_ffi import structural_map

from tvmedge.scheduling.choices import is_choice

WIDE, HALF = "float32", "float16"
_SUMS = (tirx.Add, tirx.Sub, tirx.Mul, tirx.Max, tirx.Min)


def half_of(buffer: tirx.Var) -> tirx.Var:
    """A buffer like this one, of float16."""
    return tirx.decl_buffer(buffer.ty.shape, HALF, buffer.name, scope=buffer.scope())


def retyped(body: Any, new: Mapping[tirx.Var, tirx.Var]) -> Any:
    """``body`` on buffers of float16 in place of some of float32; what is computed stays float32,
    what is only moved stays as it is stored."""

    def half(part: Any) -> Any:
        return next((h for buffer, h in new.items() if buffer.same_as(part)), None)

    def region(part: TensorRegion) -> TensorRegion:
        found = half(part.source)
        return part if found is None else TensorRegion(found, part.region, part.ty)

    def load(part: TensorLoad) -> Any:
        found = half(part.source)
        return part if found is None else tirx.Cast(WIDE, tirx.BufferLoad(found, part.indices))

    def store(part: tirx.BufferStore) -> tirx.BufferStore:
        found = half(part.buffer)
        if found is None:
            return part
        moved = narrowed(part.value, sums=False)
        value = tirx.Cast(HALF, part.value) if moved is None else moved
        return tirx.BufferStore(found, value, part.indices)

    def block(part: SBlock) -> SBlock:
        made = [half(buffer) for buffer in part.alloc_buffers]
        if all(h is None for h in made):
            return part
        kept = [old if h is None else h for h, old in zip(made, part.alloc_buffers, strict=True)]
        given = (part.name_hint, part.body, part.init, kept, part.match_buffers, part.annotations)
        return SBlock(part.iter_vars, part.reads, part.writes, *given, part.span)

    handlers = ((TensorRegion, region), (TensorLoad, load), (tirx.BufferStore, store))
    return structural_map(body, (*handlers, (SBlock, block)))


def narrowed(value: Any, *, sums: bool) -> Any:
    """``value`` of float32 as one of float16 without a conversion of what is loaded; None where
    that is no mere move of float16 and constants, or with ``sums`` no sum or product of those."""
    if isinstance(value, tirx.Cast):
        return value.value if str(value.value.ty.dtype) == HALF else None
    if isinstance(value, tirx.FloatImm):
        number = float(value.value)
        exact = math.isfinite(number) and float(np.float16(number)) == number
        return tirx.const(number, HALF) if exact else None
    made = _made_of(value, sums=sums)
    if made is None:
        return None
    operands, make = made
    halves = [narrowed(operand, sums=sums) for operand in operands]
    return None if any(half is None for half in halves) else make(*halves)


def _made_of(value: Any, *, sums: bool) -> tuple[Sequence[Any], Callable[..., Any]] | None:
    """The operands of float32 of an expression, and how it is made of others."""
    if isinstance(value, tirx.Broadcast):
        return (value.value,), lambda one: tirx.Broadcast(one, value.lanes)
    if isinstance(value, tirx.Select):
        return (value.true_value, value.false_value), partial(tirx.Select, value.condition)
    if is_choice(value):
        return value.args[1:], partial(tirx.if_then_else, value.args[0])
    if sums and isinstance(value, _SUMS):
        return (value.a, value.b), type(value)
    return None
