"""Entries of a table of 256 bytes, 128 at a time: vlut32 knows one eighth of the table.

TVM 0.27 has a lookup of its own for tables of up to 256 bytes, with vectors of the wrong length:
LLVM refuses it. No vector of single bytes may be loaded from so few by TVM's code generator.
"""

from __future__ import annotations

import tvm
from tvm import tirx
from tvm.ir.expr import TensorLoad

VECTOR = 128
CODES, PARTS = 256, 8
NUMBERS = f"int32x{VECTOR // 4}"
BYTES = ("uint8", "int8")


def hvx(name: str, *arguments: tvm.ir.Expr, kind: str = NUMBERS) -> tvm.ir.Expr:
    """A call of an instruction, vectors as 32-bit numbers."""
    return tirx.call_llvm_pure_intrin(kind, f"llvm.hexagon.V6.{name}.128B", *arguments)


def is_small(load: TensorLoad) -> bool:
    """Whether TVM's code generator would take ``load`` for one of a table."""
    size = load.source.shape[0]
    known = isinstance(size, tirx.IntImm) and int(size) <= CODES
    return known and str(load.source.dtype) in BYTES


def by_bytes(value: tvm.ir.Expr) -> TensorLoad | None:
    """By which bytes ``value`` loads entries of a table, if it does."""
    if not isinstance(value, TensorLoad) or not bool(value.source.shape[0] == CODES):
        return None
    index = value.indices[0]
    while isinstance(index, tirx.Cast):
        index = index.value
    byte = isinstance(index, TensorLoad) and str(index.source.dtype) == "uint8"
    return index if byte and isinstance(index.indices[0], tirx.Ramp) else None


def found_in_table(load: TensorLoad) -> tvm.ir.Expr:
    """128 entries of a table by indices of any type, which are none but 0 to 255."""
    wanted = by_bytes(load)
    codes = tirx.Cast(f"uint8x{VECTOR}", load.indices[0]) if wanted is None else wanted
    found = looked_up(load.source, tirx.reinterpret(NUMBERS, codes))
    return tirx.reinterpret(str(load.ty.dtype), found)


def looked_up(table: tirx.Buffer, wanted: tvm.ir.Expr) -> tvm.ir.Expr:
    """Of the eight parts of a table, a vector has four: the entries of its second half stand
    between those of its first."""
    whole = [tirx.BufferLoad(table, [tirx.Ramp(at, 1, VECTOR)]) for at in (0, VECTOR)]
    halves = [hvx("vshuffb", tirx.reinterpret(NUMBERS, half)) for half in whole]
    found = hvx("vlutvvb", wanted, halves[0], tirx.const(0, "int32"))
    for part in range(1, PARTS):
        half = halves[part // (PARTS // 2)]
        found = hvx("vlutvvb.oracc", found, wanted, half, tirx.const(part, "int32"))
    return found


def one_by_one(load: TensorLoad, lanes: int) -> tvm.ir.Expr:
    """Bytes loaded one after the other."""
    index = load.indices[0]
    places = [tirx.Shuffle([index], [tirx.const(lane, "int32")]) for lane in range(lanes)]
    loaded = [tirx.BufferLoad(load.source, [place]) for place in places]
    return tirx.Shuffle(loaded, [tirx.const(lane, "int32") for lane in range(lanes)])
