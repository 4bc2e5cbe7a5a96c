"""Pools with their padding written out, so that every mode is the plain one.

before: MaxPool(x, auto_pad=SAME_LOWER)    LpPool(x, p=2, ceil_mode=1)
after:  MaxPool(x, pads=[...])             Sqrt(Mul(AveragePool(x * x, pads=[...]), k * k))

What ceil_mode adds lies outside the padding: an average that counts padding
does not count it, which a constant factor puts right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, text


@dataclass(frozen=True)
class Side:
    """Pooling along one axis: explicit padding, and what ceil_mode adds to its end."""

    extent: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    added: int

    @property
    def outputs(self) -> int:
        padded = self.extent + self.before + self.after + self.added
        return (padded - (self.kernel - 1) * self.dilation - 1) // self.stride + 1

    def counts(self) -> list[int]:
        """How many taps of each output lie in the input or its padding."""
        end = self.extent + self.before + self.after
        starts = range(0, self.outputs * self.stride, self.stride)
        taps = range(0, self.kernel * self.dilation, self.dilation)
        return [sum(start + tap < end for tap in taps) for start in starts]


class Pools(NodeRewrite):
    """LpPool always; AveragePool and MaxPool where ceil_mode or auto_pad is set."""

    operators = frozenset({"AveragePool", "LpPool", "MaxPool"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x = node.inputs[0]
        plain = not integer(node, "ceil_mode", 0) and text(node, "auto_pad", "NOTSET") == "NOTSET"
        if len(node.outputs) > 1 or (plain and node.op_type != "LpPool"):
            return None
        sides = find_sides(node)
        if x is None or x.dtype is None or sides is None:
            return None
        if node.op_type == "LpPool":
            return [_lp(tape, x, x.dtype.numpy(), sides, integer(node, "p", 2))]
        attributes = _attributes(sides)
        if node.op_type == "MaxPool":
            return [tape.op("MaxPool", [x], attributes)]
        counted = integer(node, "count_include_pad", 0)
        y = tape.op("AveragePool", [x], attributes | {"count_include_pad": counted})
        if not counted or not any(side.added for side in sides):
            return [y]
        return [tape.op("Mul", [y, constant(tape, _factor(sides), x.dtype.numpy())])]


def find_sides(node: ir.Node) -> list[Side] | None:
    """The axes that ``node`` pools over; None when an extent is open."""
    x = node.inputs[0]
    if x is None or x.shape is None:
        return None
    extents = [n for n in x.shape[2:] if isinstance(n, int)]
    count = len(x.shape) - 2
    if len(extents) < count:
        return None
    kernels = node.attributes["kernel_shape"].as_ints()
    strides, dilations = (_ints(node, name, [1] * count) for name in ("strides", "dilations"))
    pads = _ints(node, "pads", [0] * (2 * count))
    auto, ceil = text(node, "auto_pad", "NOTSET"), integer(node, "ceil_mode", 0)
    sides = []
    for i, extent in enumerate(extents):
        reach = (kernels[i] - 1) * dilations[i] + 1
        before, after = (pads[i], pads[count + i]) if auto == "NOTSET" else (0, 0)
        if auto.startswith("SAME"):
            total = max((math.ceil(extent / strides[i]) - 1) * strides[i] + reach - extent, 0)
            before = total // 2 if auto == "SAME_UPPER" else total - total // 2
            after = total - before
        added = 0
        if ceil and auto == "NOTSET":
            outputs = math.ceil((extent + before + after - reach) / strides[i]) + 1
            if (outputs - 1) * strides[i] >= extent + before:
                outputs -= 1
            added = max((outputs - 1) * strides[i] + reach - extent - before - after, 0)
        sides.append(Side(extent, kernels[i], strides[i], dilations[i], before, after, added))
    return sides


def _attributes(sides: list[Side]) -> dict[str, int | list[int]]:
    return {
        "kernel_shape": [side.kernel for side in sides],
        "strides": [side.stride for side in sides],
        "dilations": [side.dilation for side in sides],
        "pads": [*(side.before for side in sides), *(side.after + side.added for side in sides)],
    }


def _factor(sides: list[Side]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    counts = np.ones(1)
    for side in sides:
        counts = np.multiply.outer(counts, side.counts())
    return math.prod(side.kernel for side in sides) / counts[None]


def _lp(
    tape: Tape, x: ir.Value, dtype: np.dtype[np.generic], sides: list[Side], p: int
) -> ir.Value:
    powers = tape.op("Mul", [x, x]) if p == 2 else tape.op("Abs", [x])
    if p > 2:
        powers = tape.op("Pow", [powers, constant(tape, p, dtype)])
    attributes = _attributes(sides) | {"count_include_pad": 1}
    mean = tape.op("AveragePool", [powers], attributes)
    size = constant(tape, math.prod(side.kernel for side in sides), dtype)
    total = tape.op("Mul", [mean, size])
    if p == 1:
        return total
    if p == 2:
        return tape.op("Sqrt", [total])
    return tape.op("Pow", [total, constant(tape, 1 / p, dtype)])


def _ints(node: ir.Node, name: str, default: list[int]) -> list[int]:
    attribute = node.attributes.get(name)
    return list(default if attribute is None else attribute.as_ints())
