"""A kernel's allocations as pointers that its caller gives.

before: t = alloc(4096 bytes); s = alloc(64 bytes)
after:  t = the bytes at t_scratch; s = alloc(64 bytes)

Small ones stay on the stack, where LLVM keeps sums in registers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import tvm
from tvm import tirx
from tvm.ir import PointerType, PrimType

from tvmedge.compiler.kernels.fixed_point import has_hvx
from tvmedge.compiler.library.statements import for_loop, rewritten

SCRATCH = "tvmedge.scratch"
"""The attribute with the sizes in bytes of the pointers behind a kernel's tensors."""

STACK_LIMIT = 2048
"""Bytes that one allocation may take of the stack: as much as AVX-512 has registers."""

HVX_BYTES = 128
"""Of a vector of Hexagon's; all memory that kernels for it are given begins at a multiple."""

_ON_STACK = {"disable_lower_builtin": tirx.IntImm("int32", 1)}  # else 1 KiB goes to the runtime


class RuntimeCallError(Exception):
    """``kernel`` (its symbol) calls ``function`` of TVM's runtime."""

    def __init__(self, kernel: str, function: str) -> None:
        super().__init__(f"{kernel} calls {function}")
        self.kernel = kernel
        self.function = function


@dataclass
class Scratch:
    """The pointers that take the place of allocations, and their sizes in bytes."""

    kernel: str
    pointers: list[tirx.Var] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def rewrite(self, statement: tirx.Stmt) -> tirx.Stmt | None:
        """For ``rewritten``: large allocations become pointers, parallel loops serial ones."""
        if isinstance(statement, tirx.Evaluate):
            _require_plain(self.kernel, statement.value)
        if isinstance(statement, tirx.For) and statement.kind == tirx.ForKind.PARALLEL:
            body = rewritten(statement.body, self.rewrite)
            return for_loop(statement, body, tirx.ForKind.SERIAL)
        if not isinstance(statement, tirx.AllocBuffer):
            return None
        if _nbytes(statement.buffer) <= STACK_LIMIT:
            return tirx.AllocBuffer(statement.buffer, _ON_STACK)
        return self.taken(statement)

    def taken(self, allocation: tirx.AllocBuffer) -> tirx.DeclBuffer:
        """The buffer at a pointer of its own, whatever its size."""
        pointer = _pointer(allocation.buffer, f"{allocation.buffer.name}_scratch")
        self.pointers.append(pointer)
        self.sizes.append(_nbytes(allocation.buffer))
        return tirx.DeclBuffer(allocation.buffer, data=pointer)


def plain(
    function: tirx.PrimFunc, body: Sequence[tirx.Stmt], others: Sequence[tirx.Var]
) -> tirx.PrimFunc:
    """``body`` with ``function``'s tensors as pointers, and ``others`` behind them."""
    params = [_pointer(buffer, f"{buffer.name}_data") for buffer in function.params]
    declared = [
        tirx.DeclBuffer(buffer, data=param)
        for buffer, param in zip(function.params, params, strict=True)
    ]
    begins = [
        tirx.Bind(offset, tirx.const(0, str(offset.ty.dtype))) for offset in open_offsets(function)
    ]
    whole: tirx.Stmt = tirx.SeqStmt([*begins, *declared, *body])
    if vector := _vector_bytes(function):
        for pointer in (*params, *others):
            if isinstance(pointer.ty, PointerType):
                whole = tirx.AttrStmt(pointer, "storage_alignment", vector, whole)
    # Which device the code is for: LowerTVMBuiltin asks.
    for key, value in (("device_type", 1), ("device_id", 0)):
        whole = tirx.AttrStmt("default", key, tirx.IntImm("int32", value), whole)
    return tirx.PrimFunc([*params, *others], whole, None, function.attrs)


def _vector_bytes(function: tirx.PrimFunc) -> tirx.IntImm | None:
    """The length of vectors that are loaded from multiples of it only, where the kernel's target
    has such: HVX, which takes two loads and a shuffle for any other address."""
    return tirx.IntImm("int32", HVX_BYTES) if has_hvx(function.attrs.get("target")) else None


def open_offsets(function: tirx.PrimFunc) -> list[tirx.Var]:
    """Where kernels written by hand leave open where in its memory a tensor begins: at 0."""
    offsets = (buffer.elem_offset for buffer in function.params)
    return [offset for offset in offsets if isinstance(offset, tirx.Var)]


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
