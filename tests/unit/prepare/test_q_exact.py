"""Sums of integer products that float32 computes exactly."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tvmedge.model.prepare.quantised.q_exact import EXACT, pieces


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=40), st.integers(1, 255))
def test_ranges_cover_all_steps_and_each_is_exact(costs: list[int], reach: int) -> None:
    ranges = pieces(np.array([costs, costs[::-1]]), reach)
    if ranges is None:
        assert max(costs) * reach >= EXACT
        return
    assert [n for start, stop in ranges for n in range(start, stop)] == list(range(len(costs)))
    for row in (costs, costs[::-1]):
        assert all(sum(row[start:stop]) * reach < EXACT for start, stop in ranges)


def test_a_step_that_is_too_large_alone() -> None:
    assert pieces(np.array([[1, EXACT]]), 1) is None
