"""Transposed convolution over channels in blocks, as one convolution a phase."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.phases import Phases
from tvmedge.compiler.kernels.window import padded, sizes_of
from tvmedge.scheduling.plan import KERNEL

Axis: TypeAlias = tirx.Var


def pack_phases(
    array: npt.NDArray[np.float32], rows: Phases, columns: Phases, block: int
) -> npt.NDArray[np.float32]:
    """Weights [I, O, KH, KW] as [O / b, SH, SW, I / b, JH, JW, b, b], zero where longer."""
    ins, outs = (-(-size // block) * block for size in array.shape[:2])
    whole = np.zeros((ins, outs, rows.stride, rows.taps, columns.stride, columns.taps), array.dtype)
    for ph, jh, pw, jw in np.ndindex(*whole.shape[2:]):
        kh, kw = rows.tap(ph, jh), columns.tap(pw, jw)
        if kh is not None and kw is not None:
            whole[: array.shape[0], : array.shape[1], ph, jh, pw, jw] = array[:, :, kh, kw]
    parted = whole.reshape(ins // block, block, outs // block, block, *whole.shape[2:])
    return np.ascontiguousarray(parted.transpose(2, 4, 6, 0, 5, 7, 1, 3))


def conv_transposed(
    data: te.Tensor,
    weight: te.Tensor,
    phases: tuple[Phases, Phases],
    places: tuple[int, int],
    cover: int,
) -> te.Tensor:
    """Transposed convolution.

    data [N, I / a, H, W, a], weight [O / b, SH, SW, I / a, JH, JW, a, b] ->
    [N, O / b, rows * SH, columns * SW, b] for ``places`` rows and columns of each phase.
    Sums are formed for ``cover`` columns, and those beyond dropped.
    """
    rows, columns = phases
    batch, _, height, width, _ = sizes_of(data)
    outs, _, _, ins, taps_h, taps_w, in_block, block = sizes_of(weight)
    top, bottom = (max(0, pad) for pad in rows.around(places[0], height))
    left, right = (max(0, pad) for pad in columns.around(cover, width))
    image = padded(data, (top, left, bottom, right), 0.0)
    sizes = {"ic": ins, "jh": taps_h, "jw": taps_w, "ii": in_block}
    ic, jh, jw, ii = (te.reduce_axis((0, size), name) for name, size in sizes.items())

    def element(n: Axis, c: Axis, h: Axis, ph: Axis, w: Axis, pw: Axis, o: Axis) -> tvm.ir.Expr:
        # Sums of what is not negative: LLVM computes other addresses in vectors.
        row = h + rows.index(ph, jh.var) + (rows.first + top)
        column = w + columns.index(pw, jw.var) + (columns.first + left)
        pixel = image[n, ic, row, column, ii]
        return te.sum(pixel * weight[c, ph, pw, ic, jh, jw, ii, o], axis=[ic, jh, jw, ii])

    sums = te.compute(
        (batch, outs, places[0], rows.stride, cover, columns.stride, block),
        element,
        name="transposed",
        attrs={KERNEL: "transposed"},
    )

    def shuffled(n: Axis, c: Axis, h: Axis, w: Axis, i: Axis) -> tvm.ir.Expr:
        row = h // rows.stride, h % rows.stride
        column = w // columns.stride, w % columns.stride
        index = (n, c, *row, *column, i)
        return sums[index]

    result = places[0] * rows.stride, places[1] * columns.stride
    return te.compute((batch, outs, *result, block), shuffled, name="shuffle")
