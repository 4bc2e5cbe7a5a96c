"""What the report on cost sources makes of measurements."""

from __future__ import annotations

from scripts.bench_transfer import saved
from scripts.rank_costs import ranks


def test_ranks_of_costs() -> None:
    """One cost orders candidates as time does, the other the other way round."""
    seconds = (3.0, 1.0, 2.0, 4.0)
    rows = [{"seconds": s, "cycles": s * s, "instructions": -s} for s in seconds]
    rows.append({"cycles": 0.0, "instructions": 0.0})  # not timed yet
    found = ranks({"conv": rows, "few": rows[:2]})
    assert found["conv"]["candidates"] == 4
    assert found["conv"]["slowest"] == 4.0
    assert found["conv"]["cycles"] == {
        "rho": 1.0,
        "chosen_over_fastest": 1.0,
        "chosen_over_untuned": 0.333,
    }
    assert found["conv"]["instructions"]["rho"] == -1.0
    assert found["conv"]["instructions"]["chosen_over_fastest"] == 4.0
    assert found["all"] == {"candidates": 4, "mean_rho": {"instructions": -1.0, "cycles": 1.0}}


def test_trials_saved() -> None:
    facts = saved([9, 9, 8, 7], [9, 7, 7, 6])
    assert facts["trials_to_cold_best"] == {"cold": 4, "warm": 2}
    assert facts["trials_to_best_of_both"] == {"cold": None, "warm": 4}
