"""ConvTranspose that is told its output's extent, with the pads that give it.

before: ConvTranspose(x, w, output_shape=[10, 8])    auto_pad=SAME_UPPER
after:  ConvTranspose(x, w, pads=[...], output_padding=[...])
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, integer, optional, text


class ConvTranspose(NodeRewrite):
    """Taken when the spatial extents are known."""

    operators = frozenset({"ConvTranspose"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, weights = node.inputs[:2]
        auto = text(node, "auto_pad", "NOTSET")
        if "output_shape" not in node.attributes and not auto.startswith("SAME"):
            return None
        if x is None or weights is None or x.shape is None or weights.shape is None:
            return None
        sides = x.shape[2:]
        kernel = _ints(node, "kernel_shape", [n for n in weights.shape[2:] if isinstance(n, int)])
        if not all(isinstance(side, int) for side in sides) or len(kernel) < len(sides):
            return None
        count = len(sides)
        strides, dilations = (_ints(node, name, [1] * count) for name in ("strides", "dilations"))
        extra = _ints(node, "output_padding", [0] * count)
        same = [int(side) * stride for side, stride in zip(sides, strides, strict=True)]  # type: ignore[arg-type]
        wanted = _ints(node, "output_shape", same)[-count:]
        begins, ends = [], []
        for i, side in enumerate(sides):
            full = strides[i] * (int(side) - 1) + (kernel[i] - 1) * dilations[i] + 1  # type: ignore[arg-type]
            total = full + extra[i] - wanted[i]
            if total < 0:
                extra[i] -= total
                total = 0
            if extra[i] >= max(strides[i], dilations[i]):
                return None
            begins.append(total // 2 if auto == "SAME_UPPER" else total - total // 2)
            ends.append(total - begins[-1])
        attributes: dict[str, int | list[int]] = {
            "dilations": dilations,
            "group": integer(node, "group", 1),
            "kernel_shape": kernel,
            "output_padding": extra,
            "pads": [*begins, *ends],
            "strides": strides,
        }
        return [tape.op("ConvTranspose", [x, weights, optional(node, 2)], attributes)]


def _ints(node: ir.Node, name: str, default: list[int]) -> list[int]:
    attribute = node.attributes.get(name)
    return list(default if attribute is None else attribute.as_ints())
