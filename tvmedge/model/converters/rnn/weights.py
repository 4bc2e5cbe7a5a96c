"""W, R and B with their rows in the order of the kernel: block by block of units, in each
the gates side by side.

before: W [D, gates * hidden, I]           R [D, gates * hidden, hidden]
after:  columns [I, D * padded rows]       packed [D, blocks, hidden, gates * 16] a part

Zeros fill the last block. Relax operators, which folding computes when the weights are
constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import relax

from tvmedge.model.converters.rnn.layer import Cell
from tvmedge.model.converters.rnn.tile import LANES, blocks_of


@dataclass(frozen=True)
class Weights:
    """``cell`` says which gates go together."""

    bb: relax.BlockBuilder
    cell: Cell
    hidden: int

    @property
    def gates(self) -> int:
        return sum(map(len, self.cell.parts))

    def columns(self, w: relax.Expr) -> relax.Expr:
        """W for the product with X of all steps and directions."""
        inner = int(w.ty.shape[2])
        flat = self._reshape(self._all_parts(w), [-1, inner])
        return self.bb.normalize(relax.op.permute_dims(flat))

    def bias(self, b: relax.Expr) -> relax.Expr:
        """The columns' bias: that of W plus that of R, but for the ``separate`` gates."""
        size = self.gates * self.hidden
        w, r = self._rows(b, 0, size), self._rows(b, size, 2 * size)
        if self.cell.separate:
            # The last gates are: what is added of R's ends before them.
            kept = min(self.cell.separate) * self.hidden
            directions = int(b.ty.shape[0])
            zeros = relax.op.zeros([directions, size - kept], str(b.ty.dtype))
            r = self._concat([self._rows(r, 0, kept), self.bb.normalize(zeros)])
        return self._reshape(self._all_parts(self.bb.normalize(relax.op.add(w, r))), [-1])

    def own_bias(self, b: relax.Expr, part: int) -> relax.Expr:
        """The bias of R alone, for ``part``."""
        size = self.gates * self.hidden
        return self._part(self._rows(b, size, 2 * size), part)

    def packed(self, r: relax.Expr, part: int) -> relax.Expr:
        """R of one part in blocks."""
        width, blocks = len(self.cell.parts[part]) * LANES, blocks_of(self.hidden)
        shape = [int(r.ty.shape[0]), blocks, width, self.hidden]
        rows = self._reshape(self._part(r, part), shape)
        return self.bb.normalize(relax.op.permute_dims(rows, [0, 1, 3, 2]))

    def whole_blocks(self, weight: relax.Expr, count: int) -> relax.Expr:
        """``count`` vectors side by side, [D, count * hidden, ...], each in whole blocks."""
        directions, _, *rest = (int(dim) for dim in weight.ty.shape)
        blocks = blocks_of(self.hidden)
        missing = blocks * LANES - self.hidden
        if missing:
            apart = self._reshape(weight, [directions, count, self.hidden, *rest])
            fill = relax.op.zeros([directions, count, missing, *rest], str(weight.ty.dtype))
            weight = self._concat([apart, self.bb.normalize(fill)], axis=2)
        return self._reshape(weight, [directions, count * blocks * LANES, *rest])

    def _part(self, weight: relax.Expr, part: int) -> relax.Expr:
        """The gates of ``part``, block by block."""
        gates = self.cell.parts[part]
        taken = self._rows(weight, gates[0] * self.hidden, (gates[-1] + 1) * self.hidden)
        directions, _, *rest = (int(dim) for dim in weight.ty.shape)
        count, blocks = len(gates), blocks_of(self.hidden)
        whole = self.whole_blocks(taken, count)
        if count > 1:
            apart = self._reshape(whole, [directions, count, blocks, LANES, *rest])
            order = [0, 2, 1, *range(3, 4 + len(rest))]
            whole = self.bb.normalize(relax.op.permute_dims(apart, order))
        return self._reshape(whole, [directions, count * blocks * LANES, *rest])

    def _all_parts(self, weight: relax.Expr) -> relax.Expr:
        return self._concat([self._part(weight, part) for part in range(len(self.cell.parts))])

    def _rows(self, weight: relax.Expr, begin: int, end: int) -> relax.Expr:
        if (begin, end) == (0, int(weight.ty.shape[1])):
            return weight
        return self.bb.normalize(relax.op.strided_slice(weight, [1], [begin], [end]))

    def _concat(self, rows: Sequence[relax.Expr], axis: int = 1) -> relax.Expr:
        if len(rows) == 1:
            return rows[0]
        return self.bb.normalize(relax.op.concat(list(rows), axis=axis))

    def _reshape(self, value: relax.Expr, shape: list[int]) -> relax.Expr:
        return self.bb.normalize(relax.op.reshape(value, shape))
