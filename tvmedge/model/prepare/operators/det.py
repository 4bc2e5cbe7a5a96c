"""Det of small matrices by expansion along the first row.

before: Det(x[..., 2, 2])
after:  Sub(Mul(x[..., 0, 0], x[..., 1, 1]), Mul(x[..., 0, 1], x[..., 1, 0]))
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant

MAX_SIDE = 4
_SIGNS = ("Add", "Sub")


class Det(NodeRewrite):
    """Matrices of up to 4 x 4."""

    operators = frozenset({"Det"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        side = None if x is None or x.shape is None else x.shape[-1]
        if x is None or not isinstance(side, int) or not 1 <= side <= MAX_SIDE:
            return None
        cells = [[_cell(tape, x, row, column) for column in range(side)] for row in range(side)]
        return [_det(tape, cells)]


def _cell(tape: Tape, x: ir.Value, row: int, column: int) -> ir.Value:
    line = tape.op("Gather", [x, constant(tape, row, "int64")], {"axis": -2})
    return tape.op("Gather", [line, constant(tape, column, "int64")], {"axis": -1})


def _det(tape: Tape, cells: list[list[ir.Value]]) -> ir.Value:
    first, *below = cells
    if not below:
        return first[0]
    total: ir.Value | None = None
    for column, cell in enumerate(first):
        minor = [row[:column] + row[column + 1 :] for row in below]
        term = tape.op("Mul", [cell, _det(tape, minor)])
        total = term if total is None else tape.op(_SIGNS[column % 2], [total, term])
    assert total is not None
    return total
