"""Kernels in C's own calling convention, with memory that the caller gives.

before: kernel(x: Buffer, y: Buffer):  parallel i: t = alloc(4096); ...
after:  kernel(x: float*, y: float*, t: float*):  for i: ...        (returns nothing)

TVM's own convention passes an array of typed values instead, checks all of them and allocates
through its runtime.
"""

from __future__ import annotations

from dataclasses import dataclass

import tvm
from tvm import tirx

from tvmedge.compiler.library.parts import parts
from tvmedge.compiler.library.scratch import SCRATCH, Scratch, plain
from tvmedge.compiler.library.statements import rewritten


@dataclass(frozen=True)
class PlainCalls:
    """Comes where TVM's pipeline has MakePackedAPI; ``threads`` is the most that a library
    uses (see parts.py for more than one)."""

    threads: int = 1

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = tvm.IRModule({}, attrs=module.attrs)
        for variable, function in module.functions_items():
            symbol = variable.name_hint
            if self.threads == 1:
                result[variable] = _serial(symbol, function)
                continue
            for index, part in enumerate(parts(symbol, function)):
                name = f"{symbol}_{index}"
                result[tvm.ir.GlobalVar(name)] = part.with_attr("global_symbol", name)
        # Parts of one kernel share variables, which code generation takes for the same.
        return result if self.threads == 1 else tirx.transform.ConvertSSA()(result)


def _serial(symbol: str, function: tirx.PrimFunc) -> tirx.PrimFunc:
    scratch = Scratch(symbol)
    body = rewritten(function.body, scratch.rewrite)
    return plain(function, [body], scratch.pointers).with_attr(SCRATCH, scratch.sizes)
