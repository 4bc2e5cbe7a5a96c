"""Windows that read the same backwards add their samples in pairs first.

before: conv1d(x[N, 1, W], w[O, 1, K])       with w[o, k] = w[o, K - k], or -w[o, K - k], and
                                             w[o, 0] = 0
after:  conv1d(pairs[N, K / 2, T], w'[O, K / 2, 1])
        pairs[n, j, t] = x[t * stride + j] + x[t * stride + K - j]   (minus for the odd rows)

Half the multiply-adds. Fourier transforms that exporters write as convolutions are such:
their rows are cosines and sines under a window that begins at zero. Models that round to
whole numbers are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax, te, tirx

from tvmedge.compiler.passes.blocked.layout import constant, image_sizes
from tvmedge.compiler.passes.exact import rounds
from tvmedge.compiler.passes.functions import rewrite_calls
from tvmedge.targeting.core import Core

Array = npt.NDArray[np.float32]
SAME = 1e-7  # of the largest weight: what counts as equal
ENOUGH = 8  # vectors of results that pay for the additions, which take several cycles each


@dataclass(frozen=True)
class FoldSymmetric:
    """Taken where the results fill enough vectors of ``core``."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        return (
            module
            if rounds(module)
            else rewrite_calls(module, ("relax.nn.conv1d",), _Fold(self.core))
        )


@dataclass(frozen=True)
class _Fold:
    core: Core

    def __call__(self, builder: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        weight, result = constant(call.args[1]), image_sizes(call)
        if weight is None or result is None or not _plain(call):
            return call
        outs, ins, kernel = weight.shape
        rows = weight[:, 0]
        evens = _evens(rows) if ins == 1 and kernel > 1 else None
        if evens is None or outs < ENOUGH * self.core.lanes:
            return call
        parts = [
            _half(builder, call, part, sign, result[2])
            for part, sign in ((rows[:evens], 1), (rows[evens:], -1))
            if len(part)
        ]
        return parts[0] if len(parts) == 1 else relax.op.concat(parts, axis=1)


def _half(
    builder: relax.BlockBuilder, call: relax.Call, rows: Array, sign: int, places: int
) -> relax.Var:
    kernel, stride = rows.shape[1], int(call.attrs.strides[0])
    half = rows[:, 1 : kernel // 2 + 1].copy()
    if kernel % 2 == 0:
        half[:, -1] /= 2  # its own partner: added to itself
    paired = builder.emit_te(
        lambda x: pairs(x, kernel, sign, stride, places), call.args[0], primfunc_name_hint="pairs"
    )
    return builder.emit(relax.op.nn.conv1d(paired, relax.const(half[..., None])))


def pairs(data: te.Tensor, kernel: int, sign: int, stride: int, places: int) -> te.Tensor:
    """data [N, 1, W] -> [N, kernel // 2, places]: samples 1, 2, .. of each window plus, or
    minus by ``sign``, the last, the one before, .."""

    def element(n: tirx.Var, j: tirx.Var, t: tirx.Var) -> tvm.ir.Expr:
        first, last = data[n, 0, t * stride + j + 1], data[n, 0, t * stride + kernel - 1 - j]
        return first + last if sign > 0 else first - last

    return te.compute((data.shape[0], kernel // 2, places), element, name="pairs")


def _plain(call: relax.Call) -> bool:
    attrs = call.attrs
    return (
        int(attrs.groups) == int(attrs.dilation[0]) == 1
        and not any(int(pad) for pad in attrs.padding)
        and (str(attrs.data_layout), str(attrs.kernel_layout)) == ("NCW", "OIW")
    )


def _evens(rows: Array) -> int | None:
    """How many of ``rows`` [O, K] read the same backwards, if those after them do so with
    the other sign; None where they do not."""
    reach = SAME * np.abs(rows).max()
    if (np.abs(rows[:, 0]) > reach).any():
        return None
    ahead, back = rows[:, 1:], rows[:, :0:-1]
    even, odd = (np.abs(ahead - sign * back).max(axis=1) <= reach for sign in (1, -1))
    if odd.all():
        return 0
    count = len(rows) if even.all() else int(np.argmin(even))
    return count if odd[count:].all() else None
