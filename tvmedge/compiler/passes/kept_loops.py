"""Loops that are to stay loops: LLVM writes out what is short, and then spills.

before: for i in 4 {kept}: body
after:  none = alloc(int32, volatile); none = 0; unseen = none & 65535
        for i in 4 + unseen: body

A loop whose iterations LLVM cannot count is not written out. TVM gives it no word for that, and
what LLVM's options say of loops holds for all of them. It may know that there are some iterations:
else it makes a second copy of what is around, without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import tvm
from tvm import tirx
from tvm_ffi import structural_map, structural_walk

from tvmedge.scheduling.plan import KEPT

_MOST = 0xFFFF  # what is unseen, for all that LLVM knows; few it would write out, too
_ANNOTATIONS = {
    "tirx.volatile": tirx.IntImm("int32", 1),
    "disable_lower_builtin": tirx.IntImm("int32", 1),  # the stack, not TVM's pool
}


@dataclass(frozen=True)
class KeptLoops:
    """Comes before LowerTVMBuiltin, once parallel loops are functions or serial."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = module.clone()
        for variable, function in module.functions_items():
            if isinstance(function, tirx.PrimFunc) and _keeps(function):
                result[variable] = function.with_body(_kept(function.body))
        return result


def _keeps(function: tirx.PrimFunc) -> bool:
    found: list[tirx.For] = []
    structural_walk(function.body, (tirx.For, found.append))
    return any(KEPT in loop.annotations for loop in found)


def _kept(body: tirx.Stmt) -> tirx.Stmt:
    none = tirx.decl_buffer((1,), "int32", name="none")
    zero, unseen = tirx.const(0, "int32"), tirx.Var("unseen", "int32")

    def longer(loop: tirx.For) -> tirx.For:
        if KEPT not in loop.annotations:
            return loop
        extent = loop.extent + unseen.astype(str(loop.loop_var.ty.dtype))
        return tirx.For(loop.loop_var, loop.min, extent, loop.kind, loop.body, None, {})

    steps = [
        tirx.AllocBuffer(none, _ANNOTATIONS),
        tirx.BufferStore(none, zero, [zero]),
        tirx.Bind(unseen, tirx.BufferLoad(none, [zero]) & tirx.const(_MOST, "int32")),
        structural_map(body, (tirx.For, longer)),
    ]
    return tirx.SeqStmt(steps)
