"""How bytes reach memory on HVX: always as vectors of 128, whole ones or 32 bytes of one.

before: y[0:128] = x[0:128]           after:  y[0:128] = vassign(x[0:128])
        y[0:128] = 7 everywhere               y[0:128] = vsplat(0x07070707)
        y[160:192] = uint8(numbers)           y[128:256] where 32 to 63 = packed(numbers) turned
        y[32:64] = table[x[32:64]]            y[0:128] where 32 to 63 = found, turned

LLVM takes loops of the first two for memcpy and memset, which move eight bytes a packet. It takes
32 bytes out of a vector word by word; and it puts a store of a number and one of a vector into one
packet, in which the vector wins whatever their order was. Pieces that may not begin at a multiple
of 32 may lie in two vectors: those are loaded from both, and stored to both.
"""

from __future__ import annotations

from dataclasses import dataclass

import tvm
from tvm import sym, tirx
from tvm.ir.expr import TensorLoad
from tvm_ffi import structural_walk

from tvmedge.compiler.library.hvx_tables import NUMBERS, VECTOR, by_bytes, hvx, looked_up
from tvmedge.compiler.library.statements import rewritten
from tvmedge.scheduling.choices import is_choice

PIECE = 32
_KINDS = ("uint8", "int8")


class HvxStores:
    """Rewrites every function of a module for HVX of 128 bytes; tensors begin at multiples of
    those, and end before the memory of their last one does."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = tvm.IRModule({}, attrs=module.attrs)
        for variable, function in module.functions_items():
            stores = _Stores(_bound(function.body))
            result[variable] = function.with_body(rewritten(function.body, stores))
        return result


def _bound(body: tirx.Stmt) -> sym.Analyzer:
    """What is known of the variables that stand for parts of indices."""
    known = sym.Analyzer()
    binds: list[tirx.Bind] = []
    structural_walk(body, (tirx.Bind, binds.append))
    for bind in binds:
        if str(getattr(bind.value.ty, "dtype", "")) == "int32":
            known.bind(bind.var, bind.value)
    return known


@dataclass(frozen=True)
class _Stores:
    """For ``rewritten``."""

    known: sym.Analyzer

    def __call__(self, statement: tirx.Stmt) -> tirx.Stmt | None:
        """Vectors of bytes that go to where they lie side by side."""
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
            return self._piece(statement.buffer, index.base, statement.value)
        return None

    def _piece(self, buffer: tirx.Buffer, at: tvm.ir.Expr, value: tvm.ir.Expr) -> tirx.Stmt | None:
        """32 bytes as parts of the vectors around them."""
        if is_choice(value):
            condition, *values = value.args
            either = [self._piece(buffer, at, part) for part in values]
            return None if None in either else tirx.IfThenElse(condition, *either)
        if isinstance(value, tirx.Broadcast) and isinstance(value.value, tirx.IntImm):
            found, inside = _everywhere(int(value.value)), tirx.const(0, "int32")
        elif isinstance(value, tirx.Cast) and str(value.value.ty.dtype) == NUMBERS:
            halves = hvx("vpackeh", value.value, value.value)
            found, inside = hvx("vpackeb", halves, halves), tirx.const(0, "int32")
        elif isinstance(value, TensorLoad) and isinstance(value.indices[0], tirx.Ramp):
            found, inside = self._around(value)
        elif isinstance(codes := by_bytes(value), TensorLoad):
            around, inside = self._around(codes)
            found = looked_up(value.source, around)
        else:
            return None
        place = _within(at)
        turned = _turned(found, place - inside)
        first = tirx.Cast(NUMBERS, tirx.Ramp(0, 1, PIECE) < tirx.Broadcast(PIECE // 4, PIECE))
        mask = _turned(tirx.Broadcast(0, PIECE) - first, place)
        lanes = _lanes("vandvrt", mask, tirx.const(-1, "int32"))
        if self._in_one(at):
            return _store(buffer, at, lanes, turned)
        before = _lanes("pred.scalar2", place)
        low = _store(buffer, at, _lanes("pred.and.n", lanes, before), turned)
        end = at + tirx.const(PIECE - 1, "int32")
        return tirx.SeqStmt([low, _store(buffer, end, _lanes("pred.and", lanes, before), turned)])

    def _around(self, load: TensorLoad) -> tuple[tvm.ir.Expr, tvm.ir.Expr]:
        """A vector with the bytes of a load of a piece, and where in it they are."""
        begin = load.indices[0].base
        whole = _vector(load.source, begin)
        if self._in_one(begin):
            return whole, _within(begin)
        end = _vector(load.source, begin + tirx.const(PIECE - 1, "int32"))
        return hvx("valignb", end, whole, begin), tirx.const(0, "int32")

    def _in_one(self, begin: tvm.ir.Expr) -> bool:
        """Whether a piece from ``begin`` on lies in one vector, wherever that is."""
        return bool(self.known.modular_set(begin).coeff % PIECE == 0) and bool(
            self.known.modular_set(begin).base % PIECE == 0
        )


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
    return is_choice(value) and all(_is_copy(part) for part in value.args[1:])


def _store(
    buffer: tirx.Buffer, at: tvm.ir.Expr, lanes: tvm.ir.Expr, value: tvm.ir.Expr
) -> tirx.Stmt:
    """``lanes`` of ``value`` to the vector around a byte."""
    pointer = tirx.address_of(tirx.BufferLoad(buffer, [at - _within(at)]))
    store = "llvm.hexagon.V6.vS32b.qpred.ai.128B"
    return tirx.Evaluate(tirx.call_llvm_intrin("void", store, lanes, pointer, value))


def _lanes(name: str, *arguments: tvm.ir.Expr) -> tvm.ir.Expr:
    """A call of an instruction that says which bytes of a vector are meant."""
    full = f"llvm.hexagon.V6.{name}.128B"
    return tirx.call_llvm_pure_intrin(f"boolx{VECTOR}", full, *arguments)


def _vector(buffer: tirx.Buffer, at: tvm.ir.Expr) -> tvm.ir.Expr:
    """The vector around a byte."""
    whole = tirx.BufferLoad(buffer, [tirx.Ramp(at - _within(at), 1, VECTOR)])
    return tirx.reinterpret(NUMBERS, whole)


def _within(index: tvm.ir.Expr) -> tvm.ir.Expr:
    """Where in its vector a byte is."""
    return tirx.bitwise_and(index, tirx.const(VECTOR - 1, str(index.ty.dtype)))


def _turned(vector: tvm.ir.Expr, places: tvm.ir.Expr) -> tvm.ir.Expr:
    """``vector`` with its first byte at ``places``, round and round."""
    return hvx("vror", vector, tirx.const(0, "int32") - places)


def _everywhere(code: int) -> tvm.ir.Expr:
    word = int.from_bytes(bytes([code % 256] * 4), "little", signed=True)
    return hvx("lvsplatw", tirx.const(word, "int32"))
