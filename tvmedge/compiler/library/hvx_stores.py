"""How bytes reach memory on HVX: always as vectors of 128, whole ones or 32 bytes of one.

before: y[0:128] = x[0:128]           after:  y[0:128] = vassign(x[0:128])
        y[0:128] = 7 everywhere               y[0:128] = vsplat(0x07070707)
        y[160:192] = uint8(numbers)           y[128:256] where 32 to 63 = packed(numbers) turned
        y[32:64] = table[x[32:64]]            y[0:128] where 32 to 63 = found, turned

LLVM takes loops of the first two for memcpy and memset, which move eight bytes a packet. It takes
32 bytes out of a vector word by word; and it puts a store of a number and one of a vector into one
packet, in which the vector wins whatever their order was.
"""

from __future__ import annotations

import tvm
from tvm import tirx
from tvm.ir.expr import TensorLoad

from tvmedge.compiler.library.hvx_tables import NUMBERS, VECTOR, by_bytes, hvx, looked_up
from tvmedge.compiler.library.statements import rewritten

PIECE = 32
_KINDS = ("uint8", "int8")


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
    if not isinstance(index, tirx.Ramp):
        return None
    if dtype in [f"{kind}x{VECTOR}" for kind in _KINDS]:
        made = _whole(statement.value)
        if made is None:
            return None
        return tirx.BufferStore(statement.buffer, tirx.reinterpret(dtype, made), [index])
    if dtype in [f"{kind}x{PIECE}" for kind in _KINDS]:
        return _piece(statement.buffer, index.base, statement.value)
    return None


def _whole(value: tvm.ir.Expr) -> tvm.ir.Expr | None:
    if _is_copy(value):
        return hvx("vassign", tirx.reinterpret(NUMBERS, value))
    if isinstance(value, tirx.Broadcast) and isinstance(value.value, tirx.IntImm):
        return _everywhere(int(value.value))
    return None


def _is_copy(value: tvm.ir.Expr) -> bool:
    """Whether ``value`` is loaded from one place, or from one of several."""
    if isinstance(value, TensorLoad):
        return isinstance(value.indices[0], tirx.Ramp)
    return _chooses(value) and all(_is_copy(part) for part in value.args[1:])


def _chooses(value: tvm.ir.Expr) -> bool:
    name = str(getattr(value.op, "name", "")) if isinstance(value, tvm.ir.Call) else ""
    return name.endswith(".if_then_else")


def _piece(buffer: tirx.Buffer, at: tvm.ir.Expr, value: tvm.ir.Expr) -> tirx.Stmt | None:
    """32 bytes at a multiple of 32, as part of the vector around them."""
    if _chooses(value):
        condition, *values = value.args
        either = [_piece(buffer, at, part) for part in values]
        return None if None in either else tirx.IfThenElse(condition, *either)
    place = _within(at)
    if isinstance(value, tirx.Broadcast) and isinstance(value.value, tirx.IntImm):
        turned = _everywhere(int(value.value))
    elif isinstance(value, tirx.Cast) and str(value.value.ty.dtype) == NUMBERS:
        halves = hvx("vpackeh", value.value, value.value)
        turned = _turned(hvx("vpackeb", halves, halves), place)
    elif isinstance(value, TensorLoad) and isinstance(value.indices[0], tirx.Ramp):
        around, inside = _around(value)
        turned = _turned(around, place - inside)
    elif isinstance(found := by_bytes(value), TensorLoad):
        around, inside = _around(found)
        turned = _turned(looked_up(value.source, around), place - inside)
    else:
        return None
    first = tirx.Cast(NUMBERS, tirx.Ramp(0, 1, PIECE) < tirx.Broadcast(PIECE // 4, PIECE))
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
    return tirx.reinterpret(NUMBERS, whole), inside


def _within(index: tvm.ir.Expr) -> tvm.ir.Expr:
    """Where in its vector a byte is."""
    return tirx.bitwise_and(index, tirx.const(VECTOR - 1, str(index.ty.dtype)))


def _turned(vector: tvm.ir.Expr, places: tvm.ir.Expr) -> tvm.ir.Expr:
    """``vector`` with its first byte at ``places``, round and round."""
    return hvx("vror", vector, tirx.const(0, "int32") - places)


def _everywhere(code: int) -> tvm.ir.Expr:
    word = int.from_bytes(bytes([code % 256] * 4), "little", signed=True)
    return hvx("lvsplatw", tirx.const(word, "int32"))
