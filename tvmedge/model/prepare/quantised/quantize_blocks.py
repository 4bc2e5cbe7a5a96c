"""Blocked QuantizeLinear and DequantizeLinear as ones along one axis.

before: DequantizeLinear(x[4, 64, 7], scale[4, 2, 7], axis=1, block_size=32)
after:  x as [4, 2, 32, 7] -> [4, 2, 7, 32] -> [56, 32], DequantizeLinear with
        scale[56] along axis 0, and the same way back

A last block that is not full makes every element a row of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.q_common import dims
from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, optional


class QuantizeBlocks(NodeRewrite):
    """Static shapes; both operators, since only the way there and back matters."""

    operators = frozenset({"QuantizeLinear", "DequantizeLinear"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        size = integer(node, "block_size", 0)
        x, scale = node.inputs[:2]
        shape, scales = dims(x), dims(scale)
        if not size or x is None or scale is None or shape is None or scales is None:
            return None
        axis = integer(node, "axis", 1) % len(shape)
        view = _View(shape, axis, size)
        inputs = [view.rows(tape, x), view.flat(tape, scale)]
        if (zero := optional(node, 2)) is not None:
            inputs.append(view.flat(tape, zero))
        others = {k: v for k, v in node.attributes.items() if k not in ("axis", "block_size")}
        result = tape.op(node.op_type, inputs, {**others, "axis": ir.AttrInt64("axis", 0)})
        return [view.back(tape, result)]


@dataclass(frozen=True)
class _View:
    """A tensor of ``shape`` as rows that share a scale."""

    shape: tuple[int, ...]
    axis: int
    size: int

    @property
    def _even(self) -> bool:
        return self.shape[self.axis] % self.size == 0

    @property
    def _split(self) -> tuple[int, ...]:
        """before, blocks, in a block, after."""
        before, after = self.shape[: self.axis], self.shape[self.axis + 1 :]
        blocks = self.shape[self.axis] // self.size
        return math.prod(before), blocks, self.size, math.prod(after)

    def rows(self, tape: Tape, x: ir.Value) -> ir.Value:
        if not self._even:
            return _reshape(tape, x, [-1, 1])
        split = _reshape(tape, x, self._split)
        turned = tape.op("Transpose", [split], {"perm": [0, 1, 3, 2]})
        return _reshape(tape, turned, [-1, self.size])

    def flat(self, tape: Tape, scale: ir.Value) -> ir.Value:
        if not self._even:
            index = constant(tape, np.arange(self.shape[self.axis]) // self.size, "int64")
            scale = tape.op("Gather", [scale, index], {"axis": self.axis})
        return _reshape(tape, scale, [-1])

    def back(self, tape: Tape, rows: ir.Value) -> ir.Value:
        if not self._even:
            return _reshape(tape, rows, self.shape)
        before, blocks, size, after = self._split
        split = _reshape(tape, rows, [before, blocks, after, size])
        turned = tape.op("Transpose", [split], {"perm": [0, 1, 3, 2]})
        return _reshape(tape, turned, self.shape)


def _reshape(tape: Tape, value: ir.Value, shape: Sequence[int]) -> ir.Value:
    return tape.op("Reshape", [value, constant(tape, shape, "int64")])
