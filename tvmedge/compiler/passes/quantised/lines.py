"""Tables of codes that are a straight line: arithmetic in place of a look-up."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from tvm import relax

SHIFT = 14
MOST_SLOPE = 8.0


def line(source: relax.Expr, table: npt.NDArray[Any]) -> relax.Expr | None:
    """clip((code * slope + offset) >> 14) where that is ``table`` (by all codes of ``source``,
    ascending) code for code; None where no slope and offset are."""
    found = straight_line(table.astype(np.int64), int(np.iinfo(str(source.ty.dtype)).min))
    if found is None:
        return None
    slope, offset = found
    op, low, high = relax.op, int(table.min()), int(table.max())

    def whole(value: int) -> relax.Expr:
        return relax.const(value, "int32")

    value = op.add(op.multiply(op.astype(source, "int32"), whole(slope)), whole(offset))
    value = op.right_shift(value, whole(SHIFT))
    return op.astype(op.minimum(op.maximum(value, whole(low)), whole(high)), table.dtype.name)


def straight_line(table: npt.NDArray[np.int64], first: int) -> tuple[int, int] | None:
    """Slope and offset of the line through what ``table`` does not clip."""
    if np.any(np.diff(table) < 0) or table[0] == table[-1]:
        return None
    low, high = table[0], table[-1]
    inner = np.flatnonzero((table > low) & (table < high))
    start = max(int(np.flatnonzero(table > low)[0]) - 1, 0)
    end = min(int(np.flatnonzero(table < high)[-1]) + 1, table.size - 1)
    at = np.arange(table.size) + first
    if inner.size < 2:
        return None
    guess = (table[end] - table[start]) / (end - start)
    if guess > MOST_SLOPE:
        return None
    steps = 2.0**SHIFT
    least = (table[inner[-1]] - table[inner[0]] - 1) / max(inner[-1] - inner[0], 1)
    most = (table[inner[-1]] - table[inner[0]] + 1) / max(inner[-1] - inner[0], 1)
    for share in np.linspace(0, 1, 65):
        slope = round((least + (most - least) * share) * steps)
        # clipped codes bound the offset from one side only
        lower = np.where(table > low, table * (1 << SHIFT) - at * slope, np.iinfo(np.int64).min)
        upper = np.where(
            table < high, (table + 1) * (1 << SHIFT) - at * slope - 1, np.iinfo(np.int64).max
        )
        if lower.max() <= upper.min():
            offset = int(lower.max() + upper.min()) // 2
            return slope, offset
    return None
