"""Small buffers of a kernel live on the stack, where LLVM keeps sums in registers.

before: sums = alloc(1536 bytes)                          (a call of the runtime for every tile)
after:  sums = alloc(1536 bytes) {disable_lower_builtin}  (the stack, then registers)

TVM gives what is over 1 KiB to its workspace pool; a tile of 28 vectors of AVX-512 is 1.75 KiB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tvm
from tvm import s_tir, tirx
from tvm.tirx import compilation_pipeline
from tvm_ffi import structural_map

from tvmedge.compiler.library.scratch import STACK_LIMIT
from tvmedge.compiler.passes.kept_loops import KeptLoops

TIR_PIPELINE = "tvmedge"
_ANNOTATIONS = {"disable_lower_builtin": tirx.IntImm("int32", 1)}


@dataclass(frozen=True)
class SmallOnStack:
    """Comes before LowerTVMBuiltin."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = tvm.IRModule({}, attrs=module.attrs)
        for variable, function in module.functions_items():
            body = structural_map(function.body, (tirx.AllocBuffer, _kept))
            result[variable] = function.with_body(body)
        return result


def tir_pipeline() -> str:
    """The name of TVM's own TIR pipeline with this pass, for ``relax.build``."""
    compilation_pipeline.register_tir_pipeline(TIR_PIPELINE, _pipeline)
    return TIR_PIPELINE


def _pipeline() -> tuple[object, object, object]:
    lower, host, device = s_tir.pipeline.default_s_tir_pipeline()

    @tvm.transform.module_pass(opt_level=0)  # type: ignore[untyped-decorator]
    def lowered(module: tvm.IRModule, _: tvm.transform.PassContext) -> tvm.IRModule:
        return KeptLoops()(SmallOnStack()(lower(module)))

    return lowered, host, device


def _kept(statement: tirx.AllocBuffer) -> tirx.AllocBuffer:
    size = nbytes(statement.buffer)
    small = size is not None and 0 < size <= STACK_LIMIT
    return tirx.AllocBuffer(statement.buffer, _ANNOTATIONS) if small else statement


def nbytes(buffer: tirx.Var) -> int | None:
    """Bytes of a buffer; None where only a run knows."""
    if not all(isinstance(size, int | tirx.IntImm) for size in buffer.ty.shape):
        return None
    dtype = tvm.runtime.DataType(str(buffer.ty.dtype))
    width = (int(dtype.bits) * int(dtype.lanes) + 7) // 8
    return width * math.prod(int(size) for size in buffer.ty.shape)
