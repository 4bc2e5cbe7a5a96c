"""Instructions of HVX that rules ask for by name."""

from __future__ import annotations

import functools

import tvm
from tvm import tirx
from tvm.s_tir import TensorIntrin
from tvm.script import tirx as T

LANES = 32  # of 32 bits, in a vector
REGISTERS = 32  # for vectors
VECTOR, PAIR = "int32x32", "int32x64"
ONES = 0x01010101  # four bytes of one


@functools.cache
def dots(weights: str) -> str:
    """The intrinsic of 32 sums of four products each: four neighbours of data, in all lanes, times
    a vector of ``weights``, which are int8 or uint8.

    Those without a sign multiply a general register, two vectors of them a packet; those with one
    a vector that is the same in all lanes, one a packet.
    """
    name = f"tvmedge.hvx.dots.{weights}"
    added = _by_register if weights == "uint8" else _by_vector

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def described(data: T.handle, weight: T.handle, sums: T.handle) -> None:
        D = T.match_buffer(data, (4,), "uint8", offset_factor=4)
        W = T.match_buffer(weight, (32, 4), weights, offset_factor=128)
        S = T.match_buffer(sums, (32,), "int32", offset_factor=32)
        with T.sblock("root"):
            T.reads(S[0:32], D[0:4], W[0:32, 0:4])
            T.writes(S[0:32])
            for o, j in T.grid(32, 4):
                with T.sblock("update"):
                    vo, vj = T.axis.remap("SR", [o, j])
                    S[vo] = S[vo] + T.Cast("int32", D[vj]) * T.Cast("int32", W[vo, vj])

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def native(data: T.handle, weight: T.handle, sums: T.handle) -> None:
        D = T.match_buffer(data, (4,), "uint8", offset_factor=4)
        W = T.match_buffer(weight, (32, 4), weights, offset_factor=128)
        S = T.match_buffer(sums, (32,), "int32", offset_factor=32)
        with T.sblock("root"):
            T.reads(S[0:32], D[0:4], W[0:32, 0:4])
            T.writes(S[0:32])
            S[T.ramp(0, 1, 32)] = added(S, D, W)

    TensorIntrin.register(name, described, native)
    return name


def _by_vector(sums: tirx.Buffer, data: tirx.Buffer, weights: tirx.Buffer) -> tvm.ir.Expr:
    word = tirx.reinterpret("int32", data.vload([0], "uint8x4"))
    vector = tirx.reinterpret(VECTOR, weights.vload([0, 0], "int8x128"))
    return hvx("vrmpybusv.acc", sums.vload([0], VECTOR), tirx.Broadcast(word, LANES), vector)


def _by_register(sums: tirx.Buffer, data: tirx.Buffer, weights: tirx.Buffer) -> tvm.ir.Expr:
    word = tirx.reinterpret("int32", data.vload([0], "uint8x4"))
    vector = tirx.reinterpret(VECTOR, weights.vload([0, 0], "uint8x128"))
    return hvx("vrmpyub.acc", sums.vload([0], VECTOR), vector, word)


def hvx(name: str, *arguments: tvm.ir.Expr, kind: str = VECTOR) -> tvm.ir.Expr:
    """A call of an instruction, vectors as 32-bit numbers."""
    return tirx.call_llvm_pure_intrin(kind, f"llvm.hexagon.V6.{name}.128B", *arguments)
