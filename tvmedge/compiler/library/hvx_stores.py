"""How bytes reach memory on HVX: always as vectors of 128, whole ones or 32 bytes of one.

before: y[0:128] = x[0:128]           after:  y[0:128] = vassign(x[0:128])
        y[0:128] = 7 everywhere               y[0:128] = vsplat(0x07070707)
        y[160:192] = uint8(numbers)           y[128:256] where 32 to 63 = packed(numbers) turned
        y[0:128] = table[x[0:128]]            y[0:128] = vlut32 of eight parts of the table

LLVM takes loops of the first two for memcpy and memset, which move eight bytes a packet. It takes
32 bytes out of a vector word by word; and it puts a store of a number and one of a vector into one
packet, in which the vector wins whatever their order was.
"""

from __future__ import annotations

import tvm
from tvm import tirx
from tvm.ir.expr import TensorLoad

from tvmedge.compiler.library.statements import rewritten

VECTOR, PIECE = 128, 32
CODES, PARTS = 256, 8  # of a table that vlut32 knows one of
_BYTES, _NUMBERS = f"uint8x{VECTOR}", "int32x32"


class HvxStores:
    """Rewrites every function of a module for HVX of 128 bytes; tensors begin at multiples of
    those, and end before the memory of their last one does."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = tvm.IRModule({}, attrs=module.attrs)
        for variable, function in module.functions_items():
            result[variable] = function.with_body(rewritten(function.body, _kept))
        return result


def _kept(statement: tirx.Stmt) -> tirx.Stmt | None:
    if not isinstance(statement, tirx.BufferStore) or len(statement.indices) != 1:
        return None
    dtype, index = str(statement.value.ty.dtype), statement.indices[0]
    if not isinstance(index, tirx.Ramp) or dtype not in (_BYTES, f"uint8x{PIECE}"):
        return None
    if dtype == _BYTES:
        made = _whole(statement.value)
        if made is None:
            return None
        return tirx.BufferStore(statement.buffer, tirx.reinterpret(_BYTES, made), [index])
    return _piece(statement.buffer, index.base, statement.value)


def _whole(value: tvm.ir.Expr) -> tvm.ir.Expr | None:
    if isinstance(value, TensorLoad) and isinstance(value.indices[0], tirx.Ramp):
        return _hvx("vassign", tirx.reinterpret(_NUMBERS, value))
    if (found := _wanted(value)) is not None:
        return _looked_up(value.source, tirx.reinterpret(_NUMBERS, found))
    if isinstance(value, tirx.Broadcast) and isinstance(value.value, tirx.IntImm):
        return _everywhere(int(value.value))
    return None


def _piece(buffer: tirx.Buffer, at: tvm.ir.Expr, value: tvm.ir.Expr) -> tirx.Stmt | None:
    """32 bytes at a multiple of 32, as part of the vector around them."""
    place = _within(at)
    if isinstance(value, tirx.Broadcast) and isinstance(value.value, tirx.IntImm):
        turned = _everywhere(int(value.value))
    elif isinstance(value, tirx.Cast) and str(value.value.ty.dtype) == _NUMBERS:
        halves = _hvx("vpackeh", value.value, value.value)
        turned = _turned(_hvx("vpackeb", halves, halves), place)
    elif isinstance(value, TensorLoad) and isinstance(value.indices[0], tirx.Ramp):
        around, inside = _around(value)
        turned = _turned(around, place - inside)
    elif isinstance(found := _wanted(value), TensorLoad):
        around, inside = _around(found)
        turned = _turned(_looked_up(value.source, around), place - inside)
    else:
        return None
    first = tirx.Cast(_NUMBERS, tirx.Ramp(0, 1, PIECE) < tirx.Broadcast(PIECE // 4, PIECE))
    mask = _turned(tirx.Broadcast(0, PIECE) - first, place)
    lanes = tirx.call_llvm_pure_intrin(
        f"boolx{VECTOR}", "llvm.hexagon.V6.vandvrt.128B", mask, tirx.const(-1, "int32")
    )
    pointer = tirx.address_of(tirx.BufferLoad(buffer, [at - place]))
    store = "llvm.hexagon.V6.vS32b.qpred.ai.128B"
    return tirx.Evaluate(tirx.call_llvm_intrin("void", store, lanes, pointer, turned))


def _around(load: TensorLoad) -> tuple[tvm.ir.Expr, tvm.ir.Expr]:
    """The vector around a load of a piece, and where in it that is."""
    begin = load.indices[0].base
    inside = _within(begin)
    whole = tirx.BufferLoad(load.source, [tirx.Ramp(begin - inside, 1, VECTOR)])
    return tirx.reinterpret(_NUMBERS, whole), inside


def _wanted(value: tvm.ir.Expr) -> TensorLoad | None:
    """By which bytes ``value`` loads entries of a table of 256, if it does."""
    if not isinstance(value, TensorLoad) or not bool(value.source.shape[0] == CODES):
        return None
    index = value.indices[0]
    while isinstance(index, tirx.Cast):
        index = index.value
    byte = isinstance(index, TensorLoad) and str(index.source.dtype) == "uint8"
    return index if byte and isinstance(index.indices[0], tirx.Ramp) else None


def _looked_up(table: tirx.Buffer, wanted: tvm.ir.Expr) -> tvm.ir.Expr:
    """Of the eight parts of a table, a vector has four: the entries of its second half stand
    between those of its first."""
    whole = [tirx.BufferLoad(table, [tirx.Ramp(at, 1, VECTOR)]) for at in (0, VECTOR)]
    halves = [_hvx("vshuffb", tirx.reinterpret(_NUMBERS, half)) for half in whole]
    found = _hvx("vlutvvb", wanted, halves[0], tirx.const(0, "int32"))
    for part in range(1, PARTS):
        half = halves[part // (PARTS // 2)]
        found = _hvx("vlutvvb.oracc", found, wanted, half, tirx.const(part, "int32"))
    return found


def _within(index: tvm.ir.Expr) -> tvm.ir.Expr:
    """Where in its vector a byte is."""
    return tirx.bitwise_and(index, tirx.const(VECTOR - 1, str(index.ty.dtype)))


def _turned(vector: tvm.ir.Expr, places: tvm.ir.Expr) -> tvm.ir.Expr:
    """``vector`` with its first byte at ``places``, round and round."""
    return _hvx("vror", vector, tirx.const(0, "int32") - places)


def _everywhere(code: int) -> tvm.ir.Expr:
    word = int.from_bytes(bytes([code] * 4), "little", signed=True)
    return _hvx("lvsplatw", tirx.const(word, "int32"))


def _hvx(name: str, *arguments: tvm.ir.Expr) -> tvm.ir.Expr:
    return tirx.call_llvm_pure_intrin(_NUMBERS, f"llvm.hexagon.V6.{name}.128B", *arguments)
