"""Sums of integer products that float32 computes exactly.

float32 holds every integer up to 2^24, so a sum of products whose absolute
values add up to less is exact in any order. A longer sum is cut into pieces
along its reduced axis.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

EXACT = 1 << 24


def pieces(costs: npt.NDArray[np.int64], reach: int) -> list[tuple[int, int]] | None:
    """Ranges of the reduced axis whose sums are exact; None where one step is too large.

    ``costs`` is [outputs, steps]: the absolute weights that a step adds to an
    output; ``reach`` bounds the absolute value of the other factor.
    """
    found, start = [], 0
    total = np.zeros(costs.shape[0], np.int64)
    for step in range(costs.shape[1]):
        cost = costs[:, step] * reach
        if cost.max(initial=0) >= EXACT:
            return None
        if (total + cost).max(initial=0) >= EXACT:
            found.append((start, step))
            start, total = step, np.zeros_like(total)
        total = total + cost
    return [*found, (start, costs.shape[1])]
