"""The benchmark of searches: which cells are run, kept and summed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench.tuning import cells
from scripts.bench.tuning.cells import OURS, RANDOM, STOCK, Cell, Curve, Results, plan, run
from scripts.bench.tuning.summary import summary


def curve(cell: Cell) -> Curve:
    """MetaSchedule ends at 8, where ours begins and ends at 2; a trial takes two seconds."""
    least = {OURS: 2.0, RANDOM: 4.0, STOCK: 8.0}[cell.contestant]
    best = [8.0, *[least] * (cell.trials - 1)]
    points = {str(n): least / 8 for n in (16, 64, 256) if n <= cell.trials}
    return Curve([*best], [2.0 * (n + 1) for n in range(cell.trials)], points)


def test_everything_is_planned_once_and_contestants_take_turns() -> None:
    wanted = plan(("a", "b"), ("m",))
    assert len(wanted) == len(set(wanted)) == 2 * 3 * 3 + 3 + 2
    assert [cell.contestant for cell in wanted[:3]] == [OURS, STOCK, RANDOM]
    assert [cell for cell in wanted if cell.contestant == STOCK and cell.trials > 64] == wanted[-2:]
    assert {cell.trials for cell in wanted if cell.subject == "model m"} == {64, 256}


def test_what_is_there_is_not_searched_again(tmp_path: Path) -> None:
    wanted, results = plan(("a",), ()), Results(tmp_path / "cells")
    searched: list[Cell] = []

    def search(cell: Cell) -> Curve:
        searched.append(cell)
        if len(searched) == 3:
            raise KeyboardInterrupt
        return curve(cell)

    with pytest.raises(KeyboardInterrupt):
        list(run(wanted, results, search, dict, 1e9))
    assert set(results.read()) == set(wanted[:2])
    assert list(run(wanted, results, search, dict, 1e9)) == wanted[2:]
    assert searched == [*wanted[:3], *wanted[2:]]
    # A longer search took the place of a shorter one.
    assert Cell("a", STOCK, 0, 64) not in results.read()
    assert not list(results.missing(wanted))
    found = results.read()[wanted[0]]
    assert found["load"].keys() == {"before", "after"}
    assert found["rate"] == pytest.approx(0.5, rel=0.05)


def test_a_cell_that_would_not_end_in_time_is_left_out(tmp_path: Path) -> None:
    wanted, results = plan(("a",), ()), Results(tmp_path)
    short = [cell for cell in wanted if cell.trials == 64]
    assert list(run(wanted, results, curve, dict, 0.0)) == []
    assert list(run(wanted[:1], results, curve, dict, 1e9)) == wanted[:1]
    known = results.read()
    assert cells.expected(wanted[3], known) == 2.0 * 256  # as the same contestant took before
    assert cells.expected(short[0], known) > 64  # nothing is known of it
    assert cells.expected(short[0], results.read()) < 1000
    again = set(run(wanted, results, curve, dict, 500.0))
    assert set(short) <= again
    assert not [cell for cell in again if cell.contestant == OURS]


def test_a_summary_says_what_is_missing_and_who_is_ahead(tmp_path: Path) -> None:
    wanted, results = plan(("a", "b"), ("m",)), Results(tmp_path)
    kept = [cell for cell in wanted if cell.subject == "a"]
    list(run(kept, results, curve, dict, 1e9))
    found = summary(results.read(), wanted)
    assert (found["wanted"], found["there"]) == (len(wanted), len(kept))
    assert found["missing"] == [str(cell) for cell in wanted if cell not in kept]
    assert found["ours_at_16_over_stock_at_most"] == {"a": 0.25, "mean": 0.25}
    rows = found["subjects"]["a"]
    assert [row["of_untuned"]["64"] for row in rows if row["contestant"] == OURS] == [0.25] * 3
    assert found["rates"][OURS] == pytest.approx(0.5, rel=0.05)
    assert summary({}, wanted)["subjects"] == {}
