"""MaxUnpool to a given shape: unpooled as far as the kernel says, then zeros.

before: MaxUnpool(x, indices, output_shape)
after:  Pad(MaxUnpool(x, indices), up to output_shape)
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, optional


class MaxUnpool(NodeRewrite):
    """Taken when the shapes are known."""

    operators = frozenset({"MaxUnpool"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, indices, wanted = node.inputs[0], node.inputs[1], const(optional(node, 2))
        if wanted is None or x is None or x.shape is None or not x.shape.is_static():
            return None
        count = len(x.shape) - 2
        kernel = list(node.attributes["kernel_shape"].as_ints())
        strides = _ints(node, "strides", [1] * count)
        pads = _ints(node, "pads", [0] * (2 * count))
        natural = [
            (side - 1) * strides[i] + kernel[i] - pads[i] - pads[count + i]
            for i, side in enumerate(x.shape.numpy()[2:])
        ]
        missing = [int(n) - own for n, own in zip(wanted[2:].tolist(), natural, strict=True)]
        if min(missing) < 0:
            return None
        attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads}
        y = tape.op("MaxUnpool", [x, indices], attributes)
        ends = constant(tape, [0] * (2 + count) + [0, 0, *missing], "int64")
        return [tape.op("Pad", [y, ends])]


def _ints(node: ir.Node, name: str, default: list[int]) -> list[int]:
    attribute = node.attributes.get(name)
    return list(default if attribute is None else attribute.as_ints())
