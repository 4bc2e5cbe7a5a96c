"""Sums of all pixels of 32 channels, four of them at a time.

before: for n, c, i, q, j: sum of bytes
after:  parallel n, c:
          32 sums = 0                                              (in a register)
          for q: 128 bytes, those of a channel side by side; vrmpy with ones
          what is done to the sums
"""

from __future__ import annotations

import functools

import numpy as np
import tvm
from tvm import s_tir, tirx
from tvm.s_tir import TensorIntrin
from tvm.script import tirx as T
from tvmedge.schedules.rules.hexagon.intrinsics import LANES, ONES, VECTOR, hvx
from tvmedge.schedules.rules.hexagon.narrow import BYTES, end_tile, in_rows, narrow_anchor
from tvmedge.schedules.rules.hexagon.pads import pad_bytes
from tvmedge.schedules.steps.blocks import find, has

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

KIND = "byte_sum"


class Sums:
    """Four pixels a turn."""

    name = "byte_sum"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but sums of bytes over images."""
        if not has(func, KIND):
            return None
        schedule = s_tir.Schedule(func)
        main = find(schedule, KIND)
        if main is None:
            return None
        knobs.settle()
        kernel, narrow = narrow_anchor(schedule, KIND)
        n, c, h, w, i, q, j = schedule.get_loops(main)
        schedule.reorder(n, c, h, w, q, i, j)
        whole = schedule.fuse(n, c, h, w)
        schedule.parallel(whole)
        end_tile(schedule, kernel, narrow, whole, 1)
        in_rows(schedule, schedule.decompose_reduction(main, q), 1)
        schedule.tensorize(i, four_pixels())
        if kernel.pad is not None:
            pad_bytes(schedule, kernel.pad)
        return Plan(schedule, "4 pixels")


@functools.cache
def four_pixels() -> str:
    """The intrinsic that adds four pixels of 32 channels to 32 sums."""
    name = "tvmedge.hvx.four_pixels"

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def described(data: T.handle, sums: T.handle) -> None:
        D = T.match_buffer(data, (4, 32), "uint8", offset_factor=128)
        S = T.match_buffer(sums, (32,), "int32", offset_factor=32)
        with T.sblock("root"):
            T.reads(S[0:32], D[0:4, 0:32])
            T.writes(S[0:32])
            for i, j in T.grid(32, 4):
                with T.sblock("update"):
                    vi, vj = T.axis.remap("SR", [i, j])
                    S[vi] = S[vi] + T.Cast("int32", D[vj, vi])

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def native(data: T.handle, sums: T.handle) -> None:
        D = T.match_buffer(data, (4, 32), "uint8", offset_factor=128)
        S = T.match_buffer(sums, (32,), "int32", offset_factor=32)
        with T.sblock("root"):
            T.reads(S[0:32], D[0:4, 0:32])
            T.writes(S[0:32])
            S[T.ramp(0, 1, 32)] = _added(S, D)

    TensorIntrin.register(name, described, native)
    return name


def _added(sums: tirx.Buffer, data: tirx.Buffer) -> tvm.ir.Expr:
    places = np.arange(BYTES).reshape(-1, LANES).T.reshape(-1)  # of a channel, pixel by pixel
    loaded = data.vload([0, 0], f"uint8x{BYTES}")
    beside = tirx.Shuffle([loaded], [tirx.const(int(place), "int32") for place in places])
    ones = tirx.const(ONES, "int32")
    vector = tirx.reinterpret(VECTOR, beside)
    return hvx("vrmpyub.acc", sums.vload([0], VECTOR), vector, ones)
