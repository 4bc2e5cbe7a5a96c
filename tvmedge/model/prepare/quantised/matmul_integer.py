"""MatMulInteger as a float32 MatMul that is exact.

before: MatMulInteger(a, b, a_zero, b_zero)
after:  Cast(MatMul(DequantizeLinear(a, 1, a_zero), DequantizeLinear(b, 1, b_zero)), int32)

A sum that float32 cannot hold exactly is cut along the reduced axis and the
parts are added in int32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.conv_integer import cut, total
from tvmedge.model.prepare.quantised.q_common import FLOAT, dims, farthest, shifted
from tvmedge.model.prepare.quantised.q_exact import pieces
from tvmedge.model.prepare.rewrite import NodeRewrite, const, optional


class MatMulInteger(NodeRewrite):
    """Zero points for the whole tensor, for each row of a, for each column of b."""

    operators = frozenset({"MatMulInteger"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        a, b = node.inputs[:2]
        sums = None
        if a is not None and b is not None:
            sums = exact_products(tape, a, b, optional(node, 2), optional(node, 3))
        return None if sums is None else [total(tape, node.outputs[0], sums)]


def exact_products(
    tape: Tape, a: ir.Value, b: ir.Value, a_zero: ir.Value | None, b_zero: ir.Value | None
) -> list[ir.Value] | None:
    """float32 products whose sum is the integer one; None while a shape is unknown."""
    shape = dims(b)
    if shape is None or a.shape is None or a.dtype is None or b.dtype is None:
        return None
    ranges = pieces(_costs(b, b_zero, shape), farthest(a.dtype, a_zero))
    assert ranges is not None  # one product of two bytes
    ranks = len(a.shape), len(shape)
    if len(ranges) == 1:
        products = [(a, b)]
    else:
        row, column = ranks[0] - 1, max(ranks[1] - 2, 0)
        products = [(cut(tape, a, row, *r), cut(tape, b, column, *r)) for r in ranges]
    sums = []
    for left, right in products:
        data = _shifted(tape, left, a_zero, ranks[0] - 2, ranks[0])
        weights = _shifted(tape, right, b_zero, ranks[1] - 1, ranks[1])
        if data is None or weights is None:
            return None
        sums.append(tape.op("MatMul", [data, weights]))
    return sums


def _shifted(
    tape: Tape, x: ir.Value, zero: ir.Value | None, axis: int, rank: int
) -> ir.Value | None:
    known = dims(zero)
    if zero is not None and known is None:
        return None
    if known is None or len(known) <= 1 or np.prod(known) == 1:
        return shifted(tape, x, zero, axis)
    if len(known) != rank:
        return None
    wide = [tape.op("Cast", [value], {"to": FLOAT}) for value in (x, zero)]
    return tape.op("Sub", wide)


def _costs(b: ir.Value, zero: ir.Value | None, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Absolute weights by column and row (the reduced axis)."""
    rows = shape[-2] if len(shape) > 1 else shape[0]
    known, zero_known = const(b), 0 if zero is None else const(zero)
    if known is None or zero_known is None:
        assert b.dtype is not None
        return np.full((1, rows), farthest(b.dtype, zero), np.int64)
    distances = np.abs(known.astype(np.int64) - np.asarray(zero_known, np.int64))
    if len(shape) == 1:
        return np.asarray(distances.reshape(1, rows))
    return np.asarray(np.moveaxis(distances, -2, -1).reshape(-1, rows))
