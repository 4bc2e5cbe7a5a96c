"""Col2Im by a table of which entries fall on each pixel.

before: Col2Im(x[N, C * 4, L], [H, W], [2, 2])
after:  ReduceSum(Gather(Pad(Reshape(x, [N, C, 4 * L]), one zero), table), -1)

The zero past the end fills the rows of pixels that fewer entries fall on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant

MAX_TABLE_ENTRIES = 1 << 24


class Col2Im(NodeRewrite):
    """Of constant image and block, in any number of dimensions."""

    operators = frozenset({"Col2Im"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, image, block = node.inputs[0], const(node.inputs[1]), const(node.inputs[2])
        if x is None or x.shape is None or not isinstance(x.shape[1], int):
            return None
        if image is None or block is None:
            return None
        sizes, kernel = [int(n) for n in image], [int(n) for n in block]
        table = _table(sizes, kernel, node)
        if table is None:
            return None
        channels = x.shape[1] // math.prod(kernel)
        flat = tape.op("Reshape", [x, constant(tape, [0, channels, -1], "int64")])
        pads = constant(tape, [0, 0, 0, 0, 0, 1], "int64")
        index = constant(tape, table, "int64")
        fallen = tape.op("Gather", [tape.op("Pad", [flat, pads]), index], {"axis": 2})
        axes = constant(tape, [-1], "int64")
        pixels = tape.op("ReduceSum", [fallen, axes], {"keepdims": 0})
        shape = constant(tape, [0, channels, *sizes], "int64")
        return [tape.op("Reshape", [pixels, shape])]


def _table(image: list[int], block: list[int], node: ir.Node) -> npt.NDArray[np.int64] | None:
    """[pixels, entries]: positions in the flat (block, column) axis, or one past it."""
    rank = len(image)
    strides, dilations = _ints(node, "strides", rank, 1), _ints(node, "dilations", rank, 1)
    pads = _ints(node, "pads", 2 * rank, 0)
    counts = [
        (image[i] + pads[i] + pads[rank + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1
        for i in range(rank)
    ]
    entries = math.prod(block) * math.prod(counts)
    if entries > MAX_TABLE_ENTRIES or min(counts) < 1:
        return None
    fallen: list[list[int]] = [[] for _ in range(math.prod(image))]
    for entry, (kernel, column) in enumerate(
        itertools.product(np.ndindex(*block), np.ndindex(*counts))
    ):
        at = [column[i] * strides[i] + kernel[i] * dilations[i] - pads[i] for i in range(rank)]
        if all(0 <= p < n for p, n in zip(at, image, strict=True)):
            fallen[int(np.ravel_multi_index(at, image))].append(entry)
    width = max(1, *map(len, fallen))
    return np.array([row + [entries] * (width - len(row)) for row in fallen], np.int64)


def _ints(node: ir.Node, name: str, count: int, default: int) -> list[int]:
    attribute = node.attributes.get(name)
    return [default] * count if attribute is None else list(attribute.as_ints())
