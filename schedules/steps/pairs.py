"""Products of 2x8 integers of 8 bits with 8x2 as instructions of the core.

before: for p in 2, o in 2, j in 8: sums[p, o] += int32(data[p, j]) * int32(weights[o, j])
after:  sums = products(sums, data, weights)
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import tirx
from tvm.s_tir import TensorIntrin
from tvm.script import tirx as T

from tvmedge.targeting.core import DotKind, DotUnit

_SMMLA = "llvm.aarch64.neon.smmla.v4i32.v16i8"


def pairs_intrinsic(unit: DotUnit, stride: int, *, beside: bool) -> str:
    """The name of the tensor intrinsic that computes four sums of ``unit``: of two pixels, the
    second ``stride`` after the first, with two channels. ``beside``: one begins where the one
    before ends, so that a load takes two."""
    together = beside and stride == 1
    name = f"tvmedge.pairs.{unit.kind.name}.{unit.depth}.{stride}.{together}"
    if TensorIntrin.get(name, allow_missing=True) is None:
        _register(name, unit, stride, together)
    return name


def _register(name: str, unit: DotUnit, stride: int, together: bool) -> None:
    depth, two = unit.depth, unit.pixels
    read = stride * (two - 1) + 1

    def pixels(data: Any) -> tvm.ir.Expr:
        if together:
            return data.vload([0, 0], f"int8x{two * depth}")
        rows = [data.vload([p * stride, 0], f"int8x{depth}") for p in range(two)]
        return tirx.Shuffle(rows, [tirx.const(at, "int32") for at in range(two * depth)])

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def plain(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (read, depth), "int8", offset_factor=1, strides=[T.int32(), 1])
        B = T.match_buffer(b, (two, depth), "int8", offset_factor=1)
        C = T.match_buffer(c, (two, two), "int32", offset_factor=1)
        with T.sblock("root"):
            T.reads(C[0:two, 0:two], A[0:read, 0:depth], B[0:two, 0:depth])
            T.writes(C[0:two, 0:two])
            for p, o, k in T.grid(two, two, depth):
                with T.sblock("update"):
                    vp, vo, vk = T.axis.remap("SSR", [p, o, k])
                    C[vp, vo] = C[vp, vo] + T.cast(A[vp * stride, vk], "int32") * T.cast(
                        B[vo, vk], "int32"
                    )

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def native(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (read, depth), "int8", offset_factor=1, strides=[T.int32(), 1])
        B = T.match_buffer(b, (two, depth), "int8", offset_factor=1)
        C = T.match_buffer(c, (two, two), "int32", offset_factor=1)
        with T.sblock("root"):
            T.reads(C[0:two, 0:two], A[0:read, 0:depth], B[0:two, 0:depth])
            T.writes(C[0:two, 0:two])
            C[0, T.ramp(T.int32(0), 1, two * two)] = _products(
                unit,
                C.vload([0, 0], f"int32x{two * two}"),
                pixels(A),
                B.vload([0, 0], f"int8x{two * depth}"),
            )

    TensorIntrin.register(name, plain, native)


def _products(unit: DotUnit, sums: Any, data: Any, weights: Any) -> tvm.ir.Expr:
    """``sums`` (int32) of pixels by channels, and the products of two pixels with weights."""
    depth, two = unit.depth, unit.pixels
    if unit.kind is DotKind.SMMLA:
        return tirx.call_llvm_pure_intrin(f"int32x{two * two}", _SMMLA, sums, data, weights)
    for at in range(depth):
        of_pixels = [tirx.const(p * depth + at, "int32") for p in range(two) for _ in range(two)]
        of_channels = [tirx.const(o * depth + at, "int32") for _ in range(two) for o in range(two)]
        factors = (tirx.Shuffle([data], of_pixels), tirx.Shuffle([weights], of_channels))
        left, right = (tirx.Cast(f"int32x{two * two}", factor) for factor in factors)
        sums = sums + left * right
    return sums
