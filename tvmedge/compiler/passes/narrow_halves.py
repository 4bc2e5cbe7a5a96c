"""What a kernel keeps to itself in float16: padded copies, and sums where these are asked for.

before: pad: f32[] = float(x[i]);  sum: f32[] = sum + pad[i] * float(w[j])
after:  pad: f16[] = x[i];         sum: f32[] = sum + float(pad[i]) * float(w[j])
sums:   pad: f16[] = x[i];         sum: f16[] = sum + pad[i] * w[j]

A copy loses nothing; sums of hundreds of products do, at twice the speed on a Mali. What is done
to a finished sum is computed in float32 all the same, as are sums of exponentials and means.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import tirx
from tvm.s_tir.stmt import SBlock
from tvm_ffi import structural_map, structural_walk

from tvmedge.compiler.passes.half_types import HALF, WIDE, half_of, narrowed, retyped
from tvmedge.scheduling.plan import KERNEL

SUMMED = ("conv", "depthwise", "product")


@dataclass(frozen=True)
class NarrowHalves:
    """Comes after StoreHalf; ``sums``: those of convolutions and products are float16, too."""

    sums: bool

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        functions = {
            name: self._narrow(function) if isinstance(function, tirx.PrimFunc) else function
            for name, function in module.functions.items()
        }
        return tvm.IRModule(functions, attrs=module.attrs, global_infos=module.global_infos)

    def _narrow(self, function: tirx.PrimFunc) -> tirx.PrimFunc:
        kernel = _Kernel(function.body, sums=self.sums)
        new = {buffer: half_of(buffer) for buffer in kernel.halves()}
        if not new:
            return function
        body = retyped(function.body, new)
        return function.with_body(_summed_in_half(body, new.values()) if self.sums else body)


class _Kernel:
    """The buffers of a kernel's own and what is stored into them."""

    def __init__(self, body: tirx.Stmt, *, sums: bool) -> None:
        self._sums = sums
        self._own: list[tirx.Var] = []
        self._stores: list[tuple[tirx.BufferStore, bool]] = []
        summed: list[tirx.BufferStore] = []
        everything: list[tirx.BufferStore] = []
        structural_walk(body, (tirx.BufferStore, everything.append))

        def look(block: SBlock) -> None:
            self._own.extend(x for x in block.alloc_buffers if str(x.ty.dtype) == WIDE)
            if sums and str(block.annotations.get(KERNEL, "")) in SUMMED:
                structural_walk(block, (tirx.BufferStore, summed.append))

        structural_walk(body, (SBlock, look))
        self._stores = [(s, any(s.same_as(other) for other in summed)) for s in everything]

    def halves(self) -> list[tirx.Var]:
        """Those that can be float16. In registers, copies stay what is computed with."""
        found: list[tirx.Var] = []
        left = [x for x in self._own if self._sums or x.scope() == "global"]
        while more := [x for x in left if self._fits(x, [*found, x])]:
            found += more
            left = [x for x in left if not any(x.same_as(other) for other in more)]
        return found

    def _fits(self, buffer: tirx.Var, halves: Collection[tirx.Var]) -> bool:
        stores = [(s, summed) for s, summed in self._stores if s.buffer.same_as(buffer)]
        return bool(stores) and all(
            narrowed(_with_halves(store.value, halves), sums=summed) is not None
            for store, summed in stores
        )


def _with_halves(value: Any, halves: Collection[tirx.Var]) -> Any:
    """``value`` as it were if ``halves`` were float16."""
    return retyped(value, {buffer: half_of(buffer) for buffer in halves})


def _summed_in_half(body: tirx.Stmt, halves: Collection[tirx.Var]) -> tirx.Stmt:
    def store(part: tirx.BufferStore) -> tirx.BufferStore:
        value = part.value
        own = any(part.buffer.same_as(buffer) for buffer in halves)
        if not own or not isinstance(value, tirx.Cast) or str(value.ty.dtype) != HALF:
            return part
        narrow = narrowed(value.value, sums=True)
        return part if narrow is None else tirx.BufferStore(part.buffer, narrow, part.indices)

    return structural_map(body, (tirx.BufferStore, store))
