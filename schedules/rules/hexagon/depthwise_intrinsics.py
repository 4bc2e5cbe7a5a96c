"""Depthwise sums with HVX: products of 16 bits, even and odd ones apart.

vmpy of 128 bytes with 128 weights gives a pair of vectors: products of even bytes, and of odd ones.
Adding two such vectors in 32 bits parts them again. So the 128 sums of four pixels live in four
vectors, of every fourth byte each, until shuffles put them in order.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

import tvm
from tvm import tirx
from tvm.s_tir import TensorIntrin
from tvm.script import tirx as T
from tvmedge.schedules.rules.hexagon.intrinsics import PAIR, VECTOR, hvx

Expr: TypeAlias = tvm.ir.Expr


@functools.cache
def depthwise_row(taps: int, stride: int) -> str:
    """The intrinsic that adds a row of ``taps`` of a window, moved by ``stride``, to four pixels'
    sums as ``in_order`` takes them."""
    name, span = f"tvmedge.hvx.depthwise.{taps}.{stride}", 3 * stride + taps

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def described(data: T.handle, weights: T.handle, sums: T.handle) -> None:
        D = T.match_buffer(data, (span, 32), "uint8", offset_factor=32)
        W = T.match_buffer(weights, (taps, 4, 32), "int8", offset_factor=128)
        S = T.match_buffer(sums, (4, 32), "int32", offset_factor=128)
        with T.sblock("root"):
            T.reads(S[0:4, 0:32], D[0:span, 0:32], W[0:taps, 0:4, 0:32])
            T.writes(S[0:4, 0:32])
            for p, i, k in T.grid(4, 32, taps):
                with T.sblock("update"):
                    vp, vi, vk = T.axis.remap("SSR", [p, i, k])
                    S[vp, vi] = S[vp, vi] + T.Cast("int32", D[vp * stride + vk, vi]) * T.Cast(
                        "int32", W[vk, vp, vi]
                    )

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def written(data: T.handle, weights: T.handle, sums: T.handle) -> None:
        D = T.match_buffer(data, (span, 32), "uint8", offset_factor=32)
        W = T.match_buffer(weights, (taps, 4, 32), "int8", offset_factor=128)
        S = T.match_buffer(sums, (4, 32), "int32", offset_factor=128)
        with T.sblock("root"):
            T.reads(S[0:4, 0:32], D[0:span, 0:32], W[0:taps, 0:4, 0:32])
            T.writes(S[0:4, 0:32])
            S[0, T.ramp(0, 1, 64)] = _added(S, D, W, stride)[0]
            S[2, T.ramp(0, 1, 64)] = _added(S, D, W, stride)[1]

    TensorIntrin.register(name, described, written)
    return name


def _added(sums: tirx.Buffer, data: tirx.Buffer, weights: tirx.Buffer, stride: int) -> list[Expr]:
    """Sums of even and of odd bytes with the products of a row added."""
    taps = int(weights.shape[0])
    products = [
        hvx("vmpybusv", _pixels(data, tap, stride), _bytes(weights, tap, "int8"), kind=PAIR)
        for tap in range(taps)
    ]
    zero = tirx.Broadcast(tirx.const(0, "int32"), 32)
    made = []
    for half, at in ((_low, 0), (_high, 2)):
        total = sums.vload([at, 0], PAIR)
        for tap in range(0, taps, 2):
            other = half(products[tap + 1]) if tap + 1 < taps else zero
            total = hvx("vaddhw.acc", total, half(products[tap]), other, kind=PAIR)
        made.append(total)
    return made


def _pixels(data: tirx.Buffer, tap: int, stride: int) -> Expr:
    """Four pixels from ``tap`` on; with a stride of 2 the first and third of four, the second and
    fourth of those that begin with the fourth: none beyond the last one is read."""
    near = _bytes(data, tap, "uint8")
    if stride == 1:
        return near
    far = hvx("vror", _bytes(data, tap + 3, "uint8"), tirx.const(32, "int32"))
    return _low(hvx("vdealvdd", far, near, tirx.const(-32, "int32"), kind=PAIR))


def _bytes(buffer: tirx.Buffer, at: int, dtype: str) -> Expr:
    indices = [at, *[0] * (len(buffer.shape) - 1)]
    return tirx.reinterpret(VECTOR, buffer.vload(indices, f"{dtype}x128"))


def _low(pair: Expr) -> Expr:
    return tirx.call_intrin(VECTOR, "tirx.vectorlow", pair)


def _high(pair: Expr) -> Expr:
    return tirx.call_intrin(VECTOR, "tirx.vectorhigh", pair)


def _ordered(sums: tirx.Buffer) -> list[Expr]:
    """Numbers 4k, 4k + 2, 4k + 1 and 4k + 3 as two pairs in order."""
    first, third, second, fourth = (sums.vload([at, 0], VECTOR) for at in range(4))
    words, doubles = tirx.const(-4, "int32"), tirx.const(-8, "int32")
    left = hvx("vshuffvdd", second, first, words, kind=PAIR)
    right = hvx("vshuffvdd", fourth, third, words, kind=PAIR)
    return [hvx("vshuffvdd", half(right), half(left), doubles, kind=PAIR) for half in (_low, _high)]


@functools.cache
def in_order() -> str:
    """The intrinsic that copies sums of ``depthwise_row``, which begin as zeros, into their
    order."""
    name = "tvmedge.hvx.in_order"

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def described(sums: T.handle, ordered: T.handle) -> None:
        S = T.match_buffer(sums, (4, 32), "int32", offset_factor=128)
        R = T.match_buffer(ordered, (4, 32), "int32", offset_factor=128)
        with T.sblock("root"):
            T.reads(S[0:4, 0:32])
            T.writes(R[0:4, 0:32])
            for p, i in T.grid(4, 32):
                with T.sblock("copy"):
                    vp, vi = T.axis.remap("SS", [p, i])
                    R[vp, vi] = S[vp, vi]

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def shuffled(sums: T.handle, ordered: T.handle) -> None:
        S = T.match_buffer(sums, (4, 32), "int32", offset_factor=128)
        R = T.match_buffer(ordered, (4, 32), "int32", offset_factor=128)
        with T.sblock("root"):
            T.reads(S[0:4, 0:32])
            T.writes(R[0:4, 0:32])
            R[0, T.ramp(0, 1, 64)] = _ordered(S)[0]
            R[2, T.ramp(0, 1, 64)] = _ordered(S)[1]

    TensorIntrin.register(name, described, shuffled)
    return name
