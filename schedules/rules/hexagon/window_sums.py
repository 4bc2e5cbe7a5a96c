"""Sums of all bytes under windows, 32 at a time.

before: for n, h, w, ic, kh, kw, i: sum of bytes
after:  for n:
          for 32 pixels: for ic: vrmpy with ones; eight sums of a pixel added up
          for h:
            row = rows of those under the window, added up
            for vectors of 32 over w: columns of row under the window, added up

Written out as a whole: each part reads what the one before has left in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import tvm
from tvm import s_tir, tirx
from tvm.script import tirx as T
from tvmedge.schedules.rules.hexagon.intrinsics import LANES, ONES, PAIR, VECTOR, hvx
from tvmedge.schedules.rules.hexagon.narrow import BYTES
from tvmedge.schedules.steps.blocks import scheduled

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import WINDOW, Plan
from tvmedge.targeting.core import Core

KIND = "window_sums"
STRIDES = (1, 2)
WORDS = (1, 2, 4, 8)  # of a pixel of a block
Expr: TypeAlias = tvm.ir.Expr


class WindowSums:
    """Pixels first, then rows, then columns."""

    name = KIND

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but sums under windows that ``takes``."""
        found = scheduled(func, KIND)
        if found is None:
            return None
        schedule, main = found
        knobs.settle()
        image = _Image.of(schedule.get(main))
        if not takes(image.strides, image.pads, image.block):
            return None
        return Plan(s_tir.Schedule(_written(image)), f"{LANES} pixels")


def takes(strides: tuple[int, int], pads: tuple[int, int, int, int], block: int) -> bool:
    """Whether the rule is for such windows over pixels of ``block`` bytes."""
    return strides[1] in STRIDES and block // 4 in WORDS and max(pads) < LANES


@dataclass(frozen=True)
class _Image:
    """``planes`` of images of ``height`` x ``width`` pixels, the windows over them, what is around
    them, and what sums are multiplied by."""

    batch: int
    planes: int
    height: int
    width: int
    block: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    fill: int
    factor: int

    @classmethod
    def of(cls, block: s_tir.SBlock) -> _Image:
        sizes = (int(size) for size in block.reads[0].source.shape)
        batch, planes, height, width, each = sizes
        kh, kw, sh, sw, dh, dw, top, left, bottom, right, fill, factor = (
            int(number) for number in block.annotations[WINDOW]
        )
        kernel, strides, dilations, pads = (kh, kw), (sh, sw), (dh, dw), (top, left, bottom, right)
        of_image = batch, planes, height, width, each
        return cls(*of_image, kernel, strides, dilations, pads, fill, factor)

    @property
    def result(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        top, left, bottom, right = self.pads
        sizes = self.height + top + bottom, self.width + left + right
        reach = ((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))
        rows, columns = (
            (size - far) // step + 1
            for size, far, step in zip(sizes, reach, self.strides, strict=True)
        )
        return rows, columns

    @property
    def outside(self) -> int:
        """The sum of a pixel around the image."""
        return self.factor * self.fill * self.planes * self.block


def _written(image: _Image) -> tirx.PrimFunc:
    batch, planes, height, width = image.batch, image.planes, image.height, image.width
    words, outside = image.block // 4, image.outside
    (kh, kw), left, step = image.kernel, image.pads[1], image.strides[1]
    rows, columns = image.result
    whole, rest = divmod(height * width, LANES)
    last = -(-rest * image.block // BYTES)  # vectors of the pixels that are left
    across, along = -(-width // LANES), -(-columns // LANES)
    room = (
        LANES
        + max(left + across * LANES, along * LANES * step + (kw - 1) * image.dilations[1])
        + LANES
    )

    @T.prim_func(s_tir=True, private=True)  # type: ignore[untyped-decorator]
    def main(data: T.handle, sums: T.handle) -> None:
        D = T.match_buffer(data, (batch, planes, height, width, image.block), "uint8")
        S = T.match_buffer(sums, (batch, rows, along * LANES), "int32")
        with T.sblock("root"):
            T.reads(D[0:batch, 0:planes, 0:height, 0:width, 0 : image.block])
            T.writes(S[0:batch, 0:rows, 0 : along * LANES])
            parts = T.sblock_alloc_buffer((words, LANES), "int32")
            totals = T.sblock_alloc_buffer(((whole + 2 + across) * LANES,), "int32")
            row = T.sblock_alloc_buffer((room,), "int32")
            row[T.ramp(0, 1, LANES)] = T.broadcast(kh * outside, LANES)
            for n in T.serial(batch):
                for p in T.serial(whole):
                    for v in T.unroll(words):
                        parts[v, T.ramp(0, 1, LANES)] = T.broadcast(0, LANES)
                    for c in T.serial(planes):
                        for v in T.unroll(words):
                            parts[v, T.ramp(0, 1, LANES)] = _added(
                                parts, v, _bytes(D, (n, c), (p * words + v) * BYTES)
                            )
                    totals[T.ramp(p * LANES, 1, LANES)] = _total(parts, image.factor)
                if rest > 0:
                    for v in T.unroll(words):
                        parts[v, T.ramp(0, 1, LANES)] = T.broadcast(0, LANES)
                    for c in T.serial(planes):
                        for v in T.unroll(last):
                            parts[v, T.ramp(0, 1, LANES)] = _added(
                                parts, v, _end(D, (n, c), (whole * words + v) * BYTES)
                            )
                    totals[T.ramp(whole * LANES, 1, LANES)] = _total(parts, image.factor)
                for h in T.serial(rows):
                    for q in T.serial(across):
                        row[T.ramp(left + q * LANES, 1, LANES)] = _rows(totals, image, h, q * LANES)
                    row[T.ramp(left + width, 1, LANES)] = T.broadcast(kh * outside, LANES)
                    for q in T.serial(along):
                        S[n, h, T.ramp(q * LANES, 1, LANES)] = _columns(row, image, q * LANES)

    return main


def _bytes(data: tirx.Buffer, plane: tuple[Expr, Expr], at: Expr) -> Expr:
    """128 bytes of a plane."""
    return tirx.reinterpret(VECTOR, data.vload([*plane, 0, 0, at], f"uint8x{BYTES}"))


def _end(data: tirx.Buffer, plane: tuple[Expr, Expr], at: Expr) -> Expr:
    """The last bytes of a plane from ``at`` on, of the vectors around: none beyond is read."""
    n, c = plane
    _, planes, *pixels = (int(size) for size in data.shape)
    length = math.prod(pixels)
    first = (n * planes + c) * length
    begin, end = first + at, first + tirx.min(at + BYTES, tirx.const(length, "int32")) - 1

    def around(byte: Expr) -> Expr:
        inside = tirx.bitwise_and(byte, tirx.const(BYTES - 1, "int32"))
        return _bytes(data, (0, 0), byte - inside)

    return hvx("valignb", around(end), around(begin), begin)


def _added(parts: tirx.Buffer, vector: Expr, loaded: Expr) -> Expr:
    """Words of a vector of bytes, added to those before."""
    return hvx("vrmpyub.acc", parts.vload([vector, 0], VECTOR), loaded, tirx.const(ONES, "int32"))


def _total(parts: tirx.Buffer, factor: int) -> Expr:
    """The words of each of 32 pixels as one, times ``factor``."""
    vectors = [parts.vload([at, 0], VECTOR) for at in range(int(parts.shape[0]))]
    while len(vectors) > 1:
        vectors = [_neighbours(*vectors[at : at + 2]) for at in range(0, len(vectors), 2)]
    return vectors[0] * tirx.Broadcast(tirx.const(factor, "int32"), LANES)


def _neighbours(first: Expr, second: Expr) -> Expr:
    """Every number added to the next one."""
    even, odd = _dealt(first, second)
    return even + odd


def _dealt(first: Expr, second: Expr) -> tuple[Expr, Expr]:
    """Every second number of two vectors, and the others."""
    pair = hvx("vdealvdd", second, first, tirx.const(-4, "int32"), kind=PAIR)
    low, high = (tirx.call_intrin(VECTOR, f"tirx.vector{half}", pair) for half in ("low", "high"))
    return low, high


def _rows(totals: tirx.Buffer, image: _Image, h: Expr, x: Expr) -> Expr:
    """32 columns of the rows under a window, added up."""
    outside = tirx.Broadcast(tirx.const(image.outside, "int32"), LANES)
    padded = bool(image.pads[0] or image.pads[2])

    def one(tap: int) -> Expr:
        y = h * image.strides[0] + tap * image.dilations[0] - image.pads[0]
        loaded = totals.vload([y * image.width + x], VECTOR)
        inside = tirx.all(y >= 0, y < image.height)
        return tirx.if_then_else(inside, loaded, outside) if padded else loaded

    return reduce(lambda left, right: left + right, map(one, range(image.kernel[0])))


def _columns(row: tirx.Buffer, image: _Image, w: Expr) -> Expr:
    """32 windows' columns, added up."""
    step, apart = image.strides[1], image.dilations[1]

    def one(tap: int) -> Expr:
        at = w * step + tap * apart
        near = row.vload([at], VECTOR)
        return near if step == 1 else _dealt(near, row.vload([at + LANES], VECTOR))[0]

    return reduce(lambda left, right: left + right, map(one, range(image.kernel[1])))
