"""What all cells of the benchmark of searches come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.bench.results import mean
from scripts.bench.tuning.cells import MODEL, OURS, STOCK, Cell

Cells = Mapping[Cell, Mapping[str, Any]]


def summary(cells: Cells, wanted: Sequence[Cell]) -> dict[str, Any]:
    """Each subject's searches, who won by how much, trials a second, and which cells are there."""
    subjects: dict[str, list[dict[str, Any]]] = {}
    for subject in dict.fromkeys(cell.subject for cell in wanted):
        mine = {cell: cells[cell] for cell in sorted(cells) if cell.subject == subject}
        if mine:
            subjects[subject] = [_row(cell, found) for cell, found in mine.items()]
    longest: dict[tuple[str, str, int], int] = {}
    for cell in cells:
        place = (cell.subject, cell.contestant, cell.seed)
        longest[place] = max(cell.trials, longest.get(place, 0))
    reached = [
        cell
        for cell in wanted
        if longest.get((cell.subject, cell.contestant, cell.seed), 0) >= cell.trials
    ]
    return {
        "wanted": len(wanted),
        "there": len(reached),
        "missing": [str(cell) for cell in wanted if cell not in reached],
        "ours_at_16_over_stock_at_most": _early(subjects),
        "rates": {
            name: _middle([f["rate"] for c, f in cells.items() if c.contestant == name])
            for name in dict.fromkeys(cell.contestant for cell in wanted)
        },
        "subjects": subjects,
    }


def _row(cell: Cell, found: Mapping[str, Any]) -> dict[str, Any]:
    shares = {n: round(share, 4) for n, share in found["checkpoints"].items()}
    row = {"contestant": cell.contestant, "seed": cell.seed, "trials": cell.trials}
    return row | {"of_untuned": shares, "rate": found["rate"], "load": found["load"]}


def _early(subjects: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, float]:
    """Ours after 16 trials over the best of MetaSchedule after as many as it had, and the
    geometric mean over kernels."""
    found = {}
    for subject, rows in subjects.items():
        if subject.startswith(MODEL):
            continue
        ours = [r["of_untuned"]["16"] for r in rows if r["contestant"] == OURS]
        stock = [min(r["of_untuned"].values()) for r in rows if r["contestant"] == STOCK]
        if ours and stock:
            found[subject] = round(mean(ours) / min(stock), 3)
    return found | ({"mean": round(mean(found.values()), 3)} if found else {})


def _middle(values: Sequence[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None
