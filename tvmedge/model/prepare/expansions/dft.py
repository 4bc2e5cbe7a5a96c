"""DFT and STFT of known lengths as products with constant matrices (``transform``).

before: DFT(x)                                            x: [1, 8, 1]
after:  Reshape(MatMul(Reshape(x, [1, 8]), W[8, 16]), [1, 8, 2])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.expansions.fourier_matrix import Fourier
from tvmedge.model.prepare.expansions.transform import affordable, transform
from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, integer, optional

_AXIS_INPUT_OPSET = 20


class Dft(NodeRewrite):
    """Real and complex, one-sided and inverse, along any axis."""

    operators = frozenset({"DFT"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, length, axis_input = node.inputs[0], optional(node, 1), optional(node, 2)
        if x is None or x.shape is None or x.dtype is None:
            return None
        if not _known(length) or not _known(axis_input):
            return None
        opset = node.graph.opset_imports.get("") if node.graph is not None else None
        if opset is None:  # inside a branch
            return None
        axis = integer(node, "axis", 1 if opset < _AXIS_INPUT_OPSET else -2)
        if (given := const(axis_input)) is not None:
            axis = int(given.item())
        rank = len(x.shape)
        axis %= rank
        samples, parts = x.shape[axis], x.shape[-1]
        if not isinstance(samples, int) or not isinstance(parts, int):
            return None
        inverse, onesided = bool(integer(node, "inverse", 0)), bool(integer(node, "onesided", 0))
        default = 2 * (samples - 1) if inverse and onesided else samples
        size = const(length)
        count = default if size is None else int(size.item())
        fourier = Fourier(samples, parts, count, inverse, onesided)
        if not affordable(fourier):
            return None
        order = [*(i for i in range(rank - 1) if i != axis), axis, rank - 1]
        moved = tape.op("Transpose", [x], {"perm": order})
        spectrum = transform(tape, moved, fourier, rank, x.dtype)
        return [tape.op("Transpose", [spectrum], {"perm": [order.index(i) for i in range(rank)]})]


class Stft(NodeRewrite):
    """Frames are gathered, weighted by the window, and transformed together."""

    operators = frozenset({"STFT"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, step = node.inputs[0], const(node.inputs[1])
        window, length = optional(node, 2), optional(node, 3)
        if x is None or x.shape is None or x.dtype is None or step is None or not _known(length):
            return None
        size = const(length)
        if size is not None:
            count = int(size.item())
        elif window is not None and window.shape is not None and window.shape.is_static():
            count = int(window.shape.numpy()[0])
        else:
            return None
        samples, parts = x.shape[1], x.shape[2] if len(x.shape) > 2 else 1
        if not isinstance(samples, int) or not isinstance(parts, int) or samples < count:
            return None
        fourier = Fourier(count, parts, count, onesided=bool(integer(node, "onesided", 1)))
        if not affordable(fourier):
            return None
        starts = np.arange(0, samples - count + 1, int(step.item()))
        dtype = x.dtype
        if len(x.shape) == 2:
            x = tape.op("Unsqueeze", [x, constant(tape, [-1], "int64")])
        index = constant(tape, starts[:, None] + np.arange(count), "int64")
        frames = tape.op("Gather", [x, index], {"axis": 1})
        if window is not None:
            column = tape.op("Unsqueeze", [window, constant(tape, [-1], "int64")])
            frames = tape.op("Mul", [frames, column])
        return [transform(tape, frames, fourier, 4, dtype)]


def _known(value: ir.Value | None) -> bool:
    return value is None or const(value) is not None
