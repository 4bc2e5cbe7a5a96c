"""Kernels in C's own calling convention, with memory that the caller gives.

before: kernel(x: Buffer, y: Buffer):  parallel i: t = alloc(4096); ...
after:  kernel(x: float*, y: float*, t: float*):  for i: ...        (returns nothing)

Small allocations stay on the stack, where LLVM keeps sums in registers; larger ones become
arguments, whose sizes the attribute ``SCRATCH`` lists. TVM's own convention passes an array
of typed values instead, checks all of them and allocates through its runtime.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import tvm
from tvm import tirx
from tvm.ir import PointerType, PrimType

from tvmedge.compiler.library.statements import for_loop, rewritten

SCRATCH = "tvmedge.scratch"
STACK_LIMIT = 2048
"""Bytes that one allocation may take of the stack: as much as AVX-512 has registers."""

_ON_STACK = {"disable_lower_builtin": tirx.IntImm("int32", 1)}  # else 1 KiB goes to the runtime


class RuntimeCallError(Exception):
    """``kernel`` (its symbol) calls ``function`` of TVM's runtime."""

    def __init__(self, kernel: str, function: str) -> None:
        super().__init__(f"{kernel} calls {function}")
        self.kernel = kernel
        self.function = function


@dataclass(frozen=True)
class PlainCalls:
    """Comes where TVM's pipeline has MakePackedAPI."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = tvm.IRModule({}, attrs=module.attrs)
        for variable, function in module.functions_items():
            result[variable] = _plain(function)
        return result


@dataclass
class _Scratch:
    """The pointers that take the place of allocations, and their sizes in bytes."""

    kernel: str
    pointers: list[tirx.Var] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def rewrite(self, statement: tirx.Stmt) -> tirx.Stmt | None:
        if isinstance(statement, tirx.Evaluate):
            _require_plain(self.kernel, statement.value)
        if isinstance(statement, tirx.For) and statement.kind == tirx.ForKind.PARALLEL:
            body = rewritten(statement.body, self.rewrite)
            return for_loop(statement, body, tirx.ForKind.SERIAL)
        if not isinstance(statement, tirx.AllocBuffer):
            return None
        size = _nbytes(statement.buffer)
        if size <= STACK_LIMIT:
            return tirx.AllocBuffer(statement.buffer, _ON_STACK)
        pointer = _pointer(statement.buffer, f"{statement.buffer.name}_scratch")
        self.pointers.append(pointer)
        self.sizes.append(size)
        return tirx.DeclBuffer(statement.buffer, data=pointer)


def _plain(function: tirx.PrimFunc) -> tirx.PrimFunc:
    scratch = _Scratch(str(function.attrs["global_symbol"]))
    body = rewritten(function.body, scratch.rewrite)
    params = [_pointer(buffer, f"{buffer.name}_data") for buffer in function.params]
    declared = [
        tirx.DeclBuffer(buffer, data=param)
        for buffer, param in zip(function.params, params, strict=True)
    ]
    body = tirx.SeqStmt([*declared, body])
    # Which device the code is for: LowerTVMBuiltin asks.
    for key, value in (("device_type", 1), ("device_id", 0)):
        body = tirx.AttrStmt("default", key, tirx.IntImm("int32", value), body)
    plain = tirx.PrimFunc([*params, *scratch.pointers], body, None, function.attrs)
    return plain.with_attr(SCRATCH, scratch.sizes)


def _require_plain(kernel: str, expr: tvm.ir.Expr) -> None:
    """A packed function is one of TVM's runtime, such as a sort."""
    if isinstance(expr, tvm.ir.Call) and "call_packed" in str(getattr(expr.op, "name", "")):
        raise RuntimeCallError(kernel, str(getattr(expr.args[0], "value", expr.args[0])))


def _pointer(buffer: tirx.Buffer, name: str) -> tirx.Var:
    return tirx.Var(name, PointerType(PrimType(_element(buffer)), "global"))


def _element(buffer: tirx.Buffer) -> str:
    return str(getattr(buffer, "ty", buffer).dtype)


def _nbytes(buffer: tirx.Buffer) -> int:
    dtype = tvm.runtime.DataType(_element(buffer))
    width = (int(dtype.bits) * int(dtype.lanes) + 7) // 8
    return width * math.prod(int(size) for size in buffer.shape)
