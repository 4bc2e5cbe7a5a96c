"""W, R and B with their rows in the order of the kernel.

before: W [D, gates * hidden, I]           R [D, gates * hidden, hidden]
after:  columns [I, D * padded rows]       packed [D, tiles, hidden, width] a part

Relax operators, which folding computes when the weights are constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import relax

from tvmedge.model.converters.rnn.tiles import Tiles


@dataclass(frozen=True)
class Weights:
    """``parts`` are the gates of each part, ``tiles`` how its rows are cut."""

    bb: relax.BlockBuilder
    parts: Sequence[Sequence[int]]
    tiles: Sequence[Tiles]
    hidden: int

    def columns(self, w: relax.Expr) -> relax.Expr:
        """W for the product with X of all steps and directions."""
        inner = int(w.ty.shape[2])
        flat = self._reshape(self._all_rows(w), [-1, inner])
        return self.bb.normalize(relax.op.permute_dims(flat))

    def bias(self, b: relax.Expr, gates: int, separate: frozenset[int]) -> relax.Expr:
        """The columns' bias: that of W plus that of R, but for the ``separate`` parts."""
        rows = []
        for part in range(len(self.parts)):
            row = self.rows(b, part)
            if part not in separate:
                row = self.bb.normalize(relax.op.add(row, self.rows(b, part, gates)))
            rows.append(row)
        return self._reshape(self._concat(rows), [-1])

    def packed(self, r: relax.Expr, part: int) -> relax.Expr:
        """R of one part in tiles."""
        tile, rows = self.tiles[part], self.rows(r, part)
        shape = [int(r.ty.shape[0]), tile.count, tile.width, self.hidden]
        return self.bb.normalize(relax.op.permute_dims(self._reshape(rows, shape), [0, 1, 3, 2]))

    def rows(self, weight: relax.Expr, part: int, first: int = 0) -> relax.Expr:
        """The gates of ``part``, counted from ``first``, and zeros up to whole tiles."""
        tile = self.tiles[part]
        begin = (first + self.parts[part][0]) * self.hidden
        taken = self.bb.normalize(relax.op.strided_slice(weight, [1], [begin], [begin + tile.rows]))
        missing = tile.padded - tile.rows
        if not missing:
            return taken
        directions, _, *rest = (int(dim) for dim in weight.ty.shape)
        fill = relax.op.zeros([directions, missing, *rest], str(weight.ty.dtype))
        return self._concat([taken, self.bb.normalize(fill)])

    def _all_rows(self, weight: relax.Expr) -> relax.Expr:
        return self._concat([self.rows(weight, part) for part in range(len(self.parts))])

    def _concat(self, rows: list[relax.Expr]) -> relax.Expr:
        return rows[0] if len(rows) == 1 else self.bb.normalize(relax.op.concat(rows, axis=1))

    def _reshape(self, value: relax.Expr, shape: list[int]) -> relax.Expr:
        return self.bb.normalize(relax.op.reshape(value, shape))
