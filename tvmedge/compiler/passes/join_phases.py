"""Transposed convolutions whose phases are the channels of one convolution.

before: conv2d_transpose(x[N, I, H, W], w[I, 1, 2, 2], strides=2)
after:  conv2d(x, w'[4, I, 1, 1]); reshape [N, 1, 2, 2, H, W]; permute_dims [N, 1, H, 2, W, 2];
        reshape [N, 1, 2 H, 2 W]

In blocks of channels one channel would fill a vector as well as four do: taken where
that halves the work at least, and for groups, which have no kernel of their own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax

from tvmedge.compiler.kernels.phases import Phases
from tvmedge.compiler.passes.blocked.layout import constant, image_sizes
from tvmedge.compiler.passes.functions import rewrite_calls
from tvmedge.targeting.core import Core

Array = npt.NDArray[np.float32]
CONVOLUTIONS = {
    "relax.nn.conv1d_transpose": relax.op.nn.conv1d,
    "relax.nn.conv2d_transpose": relax.op.nn.conv2d,
}


@dataclass(frozen=True)
class JoinPhases:
    """Vectors are those of ``core``."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        return rewrite_calls(module, CONVOLUTIONS, _Join(self.core))


@dataclass(frozen=True)
class _Join:
    core: Core

    def __call__(self, builder: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        shape, result = image_sizes(call.args[0]), image_sizes(call)
        weight, attrs = constant(call.args[1]), call.attrs
        if shape is None or result is None or weight is None:
            return call
        if any(int(size) != 1 for size in attrs.dilation):
            return call
        axes = _phases(weight.shape[2:], attrs)
        places = [-(-size // axis.stride) for size, axis in zip(result[2:], axes, strict=True)]
        pads = [
            axis.around(count, size)
            for axis, count, size in zip(axes, places, shape[2:], strict=True)
        ]
        groups = int(attrs.groups)
        pays = groups > 1 or self._pays(weight.shape[1], axes)
        if not pays or min(itertools.chain(*pads)) < 0:
            return call
        sides = [front for front, _ in pads] + [back for _, back in pads]
        emit = builder.emit
        convolution = CONVOLUTIONS[call.op.name]
        joined = relax.const(_joined(weight, axes, groups))
        sums = emit(convolution(call.args[0], joined, padding=sides, groups=groups))
        parted = (*result[:2], *(axis.stride for axis in axes), *places)
        count = len(axes)
        order = [0, 1, *itertools.chain(*((2 + count + i, 2 + i) for i in range(count)))]
        turned = emit(relax.op.permute_dims(emit(relax.op.reshape(sums, parted)), order))
        whole = [size * axis.stride for size, axis in zip(places, axes, strict=True)]
        image = relax.op.reshape(turned, (*result[:2], *whole))
        if tuple(whole) == result[2:]:
            return image
        spatial = list(range(2, 2 + count))
        return relax.op.strided_slice(emit(image), spatial, [0] * count, result[2:])

    def _pays(self, outs: int, axes: Sequence[Phases]) -> bool:
        """Whether all phases in one convolution take half the multiply-adds at most."""
        apart = math.prod(axis.stride for axis in axes)
        joined = -(-outs * apart // self.core.block) * math.prod(axis.reach for axis in axes)
        single = -(-outs // self.core.block) * apart * math.prod(axis.taps for axis in axes)
        return 2 * joined <= single


def _phases(kernel: Sequence[int], attrs: Any) -> list[Phases]:
    pads = [int(pad) for pad in attrs.padding]
    strides = [int(stride) for stride in attrs.strides]
    return [Phases(*axis) for axis in zip(kernel, strides, pads[: len(strides)], strict=True)]


def _joined(weight: Array, axes: Sequence[Phases], groups: int) -> Array:
    """[G * I, O, *kernel] -> [G * O * phases, I, *reach], zero where a phase does not look."""
    ins, outs = weight.shape[0] // groups, weight.shape[1]
    parted = weight.reshape(groups, ins, *weight.shape[1:])
    strides, taps = [axis.stride for axis in axes], [axis.taps for axis in axes]
    reach = [axis.reach for axis in axes]
    joined = np.zeros((groups, outs, *strides, ins, *reach), weight.dtype)
    for phase in np.ndindex(*strides):
        for js in np.ndindex(*taps):
            known = [axis.tap(p, j) for axis, p, j in zip(axes, phase, js, strict=True)]
            if None in known:
                continue
            places = [axis.index(p, j) for axis, p, j in zip(axes, phase, js, strict=True)]
            every = slice(None)
            source, place = (..., *known), (every, every, *phase, every, *places)
            joined[place] = parted[source].swapaxes(1, 2)
    return joined.reshape(-1, ins, *reach)
