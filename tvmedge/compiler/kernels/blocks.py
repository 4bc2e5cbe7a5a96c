"""Where channels stand in blocks.

Channels 0 to 5 in blocks of 4:                 0 1 2 3 | 4 5 . .
The same as two groups that each begin a block:  0 1 2 . | 3 4 5 .
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tvm
from tvm import te, tirx

Index: TypeAlias = "int | tvm.ir.Expr"


@dataclass(frozen=True)
class Blocks:
    """``count`` channels in blocks of ``block``, each of ``groups`` beginning one."""

    count: int
    groups: int
    block: int

    @property
    def per_group(self) -> int:
        """Channels of a group."""
        return self.count // self.groups

    @property
    def group_blocks(self) -> int:
        """Blocks of a group."""
        return -(-self.per_group // self.block)

    @property
    def number(self) -> int:
        """Blocks of all groups."""
        return self.groups * self.group_blocks

    @property
    def ragged(self) -> bool:
        """Whether the last block of a group is not full."""
        return bool(self.per_group % self.block)

    def place(self, channel: Index) -> tuple[Index, Index]:
        """Block and lane of a channel."""
        group, rest = channel // self.per_group, channel % self.per_group
        return group * self.group_blocks + rest // self.block, rest % self.block

    def channel(self, block: Index, lane: Index) -> tuple[Index, tvm.ir.Expr | None]:
        """The channel of a lane, and where lanes may be empty the condition that this is not."""
        inside = block % self.group_blocks * self.block + lane
        channel = block // self.group_blocks * self.per_group + inside
        return channel, (inside < self.per_group if self.ragged else None)

    def pack(self, array: npt.NDArray[Any], rest: float) -> npt.NDArray[Any]:
        """[n, count, h, w] -> [n, number, h, w, block], ``rest`` in empty lanes."""
        batch, _, height, width = array.shape
        size = self.group_blocks * self.block
        whole = np.full((batch, self.groups, size, height, width), rest, array.dtype)
        whole[:, :, : self.per_group] = array.reshape(
            batch, self.groups, self.per_group, height, width
        )
        parted = whole.reshape(batch, self.number, self.block, height, width)
        return np.ascontiguousarray(parted.transpose(0, 1, 3, 4, 2))


def only_where(inside: tvm.ir.Expr | None, value: tvm.ir.Expr) -> tvm.ir.Expr:
    """``value``, or zero in empty lanes."""
    if inside is None:
        return value
    if isinstance(value, te.TensorSlice):  # what indexing gives inside te.compute
        value = value.asobject()
    return tirx.if_then_else(inside, value, tirx.const(0, value.ty.dtype))
