"""Dot products of 8-bit integers as instructions of the core.

before: for o in lanes: for j in 4: sums[o] += int32(data[j]) * int32(weights[o, j])
after:  sums = dot(sums, data in all lanes, weights)
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import tirx
from tvm.s_tir import TensorIntrin
from tvm.script import tirx as T

from tvmedge.targeting.core import DotKind, DotUnit

_LLVM = {
    (DotKind.VPDPBUSD, 16): "llvm.x86.avx512.vpdpbusd.512",
    (DotKind.VPDPBUSD, 8): "llvm.x86.avx512.vpdpbusd.256",
    (DotKind.SDOT, 4): "llvm.aarch64.neon.sdot.v4i32.v16i8",
}


def dot_intrinsic(unit: DotUnit) -> str:
    """The name of the tensor intrinsic that computes one vector of sums of ``unit``."""
    name = f"tvmedge.dot.{unit.kind.name}.{unit.dtype}x{unit.lanes}x{unit.depth}"
    if TensorIntrin.get(name, allow_missing=True) is None:
        _register(name, unit)
    return name


def _register(name: str, unit: DotUnit) -> None:
    lanes, depth, kind = unit.lanes, unit.depth, unit.dtype
    wide, whole = f"int8x{lanes * depth}", f"int32x{lanes}"

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def plain(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (depth,), kind, offset_factor=1)
        B = T.match_buffer(b, (lanes, depth), "int8", offset_factor=1)
        C = T.match_buffer(c, (lanes,), "int32", offset_factor=1)
        with T.sblock("root"):
            T.reads(C[0:lanes], A[0:depth], B[0:lanes, 0:depth])
            T.writes(C[0:lanes])
            for i in T.serial(0, lanes):
                for k in T.serial(0, depth):
                    with T.sblock("update"):
                        vi, vk = T.axis.remap("SR", [i, k])
                        C[vi] = C[vi] + T.cast(A[vk], "int32") * T.cast(B[vi, vk], "int32")

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def native(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (depth,), kind, offset_factor=1)
        B = T.match_buffer(b, (lanes, depth), "int8", offset_factor=1)
        C = T.match_buffer(c, (lanes,), "int32", offset_factor=1)
        with T.sblock("root"):
            T.reads(C[0:lanes], A[0:depth], B[0:lanes, 0:depth])
            T.writes(C[0:lanes])
            C[T.ramp(T.int32(0), 1, lanes)] = _dots(
                unit,
                C.vload([0], whole),
                A.vload([0], f"{kind}x{depth}"),
                B.vload([0, 0], wide),
            )

    TensorIntrin.register(name, plain, native)


def _dots(unit: DotUnit, sums: Any, data: Any, weights: Any) -> tvm.ir.Expr:
    """``sums`` (int32) and the products of ``data`` (of ``depth``) with those of each lane."""
    lanes, depth = unit.lanes, unit.depth
    whole = f"int32x{lanes}"
    if unit.kind is not DotKind.WRITTEN_OUT:
        everywhere = tirx.Broadcast(tirx.reinterpret("int32", data), lanes)
        bytes_ = tirx.reinterpret(f"int8x{lanes * depth}", everywhere)
        return tirx.call_llvm_pure_intrin(whole, _LLVM[unit.kind, lanes], sums, bytes_, weights)
    for at in range(depth):
        pixel = tirx.Cast("int32", tirx.Shuffle([data], [tirx.const(at, "int32")]))
        places = [tirx.const(lane * depth + at, "int32") for lane in range(lanes)]
        column = tirx.Cast(whole, tirx.Shuffle([weights], places))
        sums = sums + tirx.Broadcast(pixel, lanes) * column
    return sums
