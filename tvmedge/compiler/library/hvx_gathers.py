"""Bytes that lie near each other are loaded as whole vectors and shuffled: HVX gathers none.

before: x[at + (0, 1, .. 31, 64, 65, .. 95, 128, .. )]            (128 loads of one byte)
after:  shuffle(x[at:at + 128], x[at + 96:at + 224])

Only bytes between the first and the last one wanted are read, or, where those are fewer than a
vector has, the vectors around them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tvm
from tvm import sym, tirx
from tvm.ir.expr import TensorLoad
from tvm_ffi import structural_map

from tvmedge.compiler.library.hvx_tables import (
    BYTES,
    CODES,
    NUMBERS,
    VECTOR,
    by_bytes,
    found_in_table,
    hvx,
    is_small,
    one_by_one,
)

PIXEL = 32
MOST = 4  # vectors that one is made of
_PAIR = f"int32x{VECTOR // 2}"
_SECONDS = np.arange(VECTOR) // PIXEL * 2 * PIXEL + np.arange(VECTOR) % PIXEL
Offsets = npt.NDArray[np.int64]


class HvxGathers:
    """Rewrites every function of a module for HVX of 128 bytes, before common parts of indices
    become variables. Tensors begin at multiples of a vector, and end before the memory of their
    last one does."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = tvm.IRModule({}, attrs=module.attrs)
        for variable, function in module.functions_items():
            body = structural_map(function.body, [(TensorLoad, _gathered)])
            result[variable] = function.with_body(body)
        return result


@dataclass(frozen=True)
class Places:
    """The elements that lanes of a vector load: ``base`` + ``offsets``."""

    base: tvm.ir.Expr
    offsets: Offsets


def _gathered(load: TensorLoad) -> tvm.ir.Expr:
    kind = tvm.runtime.DataType(str(load.ty.dtype))
    lanes, index = int(kind.lanes), load.indices[0]
    if str(load.source.dtype) not in BYTES or lanes == 1 or len(load.indices) != 1:
        return load
    if isinstance(index, tirx.Ramp) and isinstance(index.stride, tirx.IntImm) and index.stride == 1:
        return load
    if lanes == VECTOR:
        places = _places(index)
        made = None if places is None else _shuffled(load, places)
        if made is not None:
            return made
        if is_small(load) and int(load.source.shape[0]) == CODES:
            return found_in_table(load)
    if is_small(load) and by_bytes(load) is None:
        return one_by_one(load, lanes)
    return load


def _shuffled(load: TensorLoad, places: Places) -> tvm.ir.Expr | None:
    """The vectors that hold all bytes wanted, joined one by one; None where they are many."""
    offsets, (first, last) = places.offsets, (int(f(places.offsets)) for f in (np.min, np.max))
    starts = _starts(offsets, max(first, last - VECTOR + 1))
    if len(starts) > MOST:
        return None
    loaded = [_vector(load, places.base, start, (first, last)) for start in starts]
    if np.array_equal(offsets - first, _SECONDS):
        return _every_second(loaded, str(load.ty.dtype))
    at = np.clip((offsets[:, None] >= np.array(starts)).sum(axis=1) - 1, 0, None)
    inside = offsets - np.array(starts)[at]
    if len(loaded) == 1:
        return _shuffle(loaded, inside)
    made = _shuffle(loaded[:2], np.where(at < 2, VECTOR * at + inside, 0))
    for number, vector in enumerate(loaded[2:], 2):
        places_ = np.where(at == number, VECTOR + inside, np.arange(VECTOR))
        made = _shuffle([made, vector], places_)
    return made


def _vector(load: TensorLoad, base: tvm.ir.Expr, start: int, reach: tuple[int, int]) -> tvm.ir.Expr:
    """128 bytes from ``start`` on, of which those from the first to the last of ``reach``
    count."""
    first, last = reach
    if last - first + 1 < VECTOR:
        return _around(load, base + tirx.const(first, "int32"), last - first)
    return tirx.BufferLoad(load.source, [tirx.Ramp(base + tirx.const(start, "int32"), 1, VECTOR)])


def _every_second(loaded: list[tvm.ir.Expr], dtype: str) -> tvm.ir.Expr:
    """Every second of seven pixels of 32 bytes, of which the second vector begins with the
    fourth."""
    near, far = (tirx.reinterpret(NUMBERS, vector) for vector in loaded)
    turned = hvx("vror", far, tirx.const(PIXEL, "int32"))
    pair = hvx("vdealvdd", turned, near, tirx.const(-PIXEL, "int32"), kind=_PAIR)
    return tirx.reinterpret(dtype, tirx.call_intrin(NUMBERS, "tirx.vectorlow", pair))


def _starts(offsets: Offsets, latest: int) -> list[int]:
    """Where vectors begin that hold all ``offsets``, none of them after ``latest``."""
    starts: list[int] = []
    for offset in np.unique(offsets):
        if not starts or offset >= starts[-1] + VECTOR:
            starts.append(min(int(offset), latest))
    return starts


def _shuffle(vectors: list[tvm.ir.Expr], places: Offsets) -> tvm.ir.Expr:
    if len(vectors) == 1 and np.array_equal(places, np.arange(VECTOR)):
        return vectors[0]
    return tirx.Shuffle(vectors, [tirx.const(int(place), "int32") for place in places])


def _around(load: TensorLoad, begin: tvm.ir.Expr, reach: int) -> tvm.ir.Expr:
    """The 128 bytes from ``begin`` on, right up to ``reach``: of the vectors around."""
    mask = tirx.const(-VECTOR, "int32")

    def vector(at: tvm.ir.Expr) -> tvm.ir.Expr:
        whole = tirx.Ramp(tirx.bitwise_and(at, mask), 1, VECTOR)
        return tirx.reinterpret(NUMBERS, tirx.BufferLoad(load.source, [whole]))

    parts = vector(begin + tirx.const(reach, "int32")), vector(begin)
    return tirx.reinterpret(str(load.ty.dtype), hvx("valignb", *parts, begin))


def _places(index: tvm.ir.Expr) -> Places | None:
    """``index`` (int32, of 128 lanes) as one number plus what is known of each lane."""
    if isinstance(index, tirx.Broadcast):
        return Places(index.value, np.zeros(VECTOR, np.int64))
    if isinstance(index, tirx.Ramp):
        if not isinstance(index.stride, tirx.IntImm):
            return None
        return Places(index.base, np.arange(VECTOR) * int(index.stride))
    operands = _operands(index)
    if operands is None:
        return None
    left, right = (_places(operand) for operand in operands)
    return None if left is None or right is None else _combined(index, left, right)


def _operands(index: tvm.ir.Expr) -> tuple[tvm.ir.Expr, tvm.ir.Expr] | None:
    kinds = (tirx.Add, tirx.Sub, tirx.Mul, *_EXTREMES, *_ROUNDED, *_RESTS)
    return (index.a, index.b) if isinstance(index, kinds) else None


_EXTREMES = (tirx.Min, tirx.Max)
_ROUNDED, _RESTS = (tirx.Div, tirx.FloorDiv), (tirx.Mod, tirx.FloorMod)


def _combined(index: tvm.ir.Expr, left: Places, right: Places) -> Places | None:
    if isinstance(index, tirx.Add | tirx.Sub):
        sign = 1 if isinstance(index, tirx.Add) else -1
        return Places(left.base + right.base * sign, left.offsets + right.offsets * sign)
    if not isinstance(right.base, tirx.IntImm):
        return None
    numbers = int(right.base) + right.offsets
    if isinstance(index, _EXTREMES):
        return _chosen(left, numbers, least=isinstance(index, tirx.Min))
    number = int(numbers[0])
    if np.any(numbers != number) or number <= 0:
        return None
    if isinstance(index, tirx.Mul):
        return Places(left.base * number, left.offsets * number)
    return _divided(left, number, rest=isinstance(index, _RESTS))


def _chosen(value: Places, numbers: Offsets, *, least: bool) -> Places | None:
    """The smaller or larger numbers, where they are known."""
    if not isinstance(value.base, tirx.IntImm):
        return None
    extreme = np.minimum if least else np.maximum
    return Places(tirx.const(0, "int32"), extreme(int(value.base) + value.offsets, numbers))


def _divided(value: Places, divisor: int, *, rest: bool) -> Places | None:
    """Where the number common to all lanes divides without a rest; none is negative."""
    if np.any(value.offsets < 0):
        return None
    known = sym.Analyzer()
    if not known.can_prove_equal(tirx.floormod(value.base, tirx.const(divisor, "int32")), 0):
        return None
    if rest:
        return Places(tirx.const(0, "int32"), value.offsets % divisor)
    return Places(tirx.floordiv(value.base, divisor), value.offsets // divisor)
