"""The benchmark of searches in cells: one search of one contestant, kept in a file of its own.

Hours of searching are cut into pieces that sessions add. Contestants take turns, so that none
has the quiet hours to itself; each cell says how busy the machine was.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tvmedge.resources import atomic_path

OURS, RANDOM, STOCK = "ours", "random", "stock"
CONTESTANTS = (OURS, STOCK, RANDOM)
MODEL = "model "  # begins the name of what is a whole model, not a kernel
SEEDS = 3
FULL, SHORT = 256, 64
_AT_ONCE = 0.02  # seconds in which the trials of a batch are told
_SECONDS_A_TRIAL = {OURS: 1.0, RANDOM: 1.0, STOCK: 5.0}  # on a busy machine, before any is known


@dataclass(frozen=True, order=True)
class Cell:
    """``trials`` of a ``contestant`` on a kernel, or on a whole model."""

    subject: str
    contestant: str
    seed: int
    trials: int

    @property
    def file(self) -> str:
        """``3x3-ours-0.json``: a longer search takes the place of a shorter one."""
        subject = re.sub(r"[^a-z0-9]+", "-", self.subject.lower())
        return f"{subject}-{self.contestant}-{self.seed}.json"

    def __str__(self) -> str:
        return f"{self.subject}, {self.contestant}, seed {self.seed}, {self.trials} trials"


@dataclass(frozen=True)
class Curve:
    """``best[i]``, the cost after trial i (None before any was measured), and ``seconds[i]`` since
    the search began. ``checkpoints``, the cost after so many trials, are measured by the same
    timer for all, beside our untuned schedule and in shares of it."""

    best: list[float | None]
    seconds: list[float]
    checkpoints: dict[str, float]


def plan(kernels: tuple[str, ...], models: tuple[str, ...]) -> list[Cell]:
    """Everything that is wanted, what says most first: all contestants with a seed, one kernel
    after the other; whole models with one seed, past 64 trials by us only; MetaSchedule, which
    takes seconds a trial, past 64 trials with one seed and last."""
    cells: list[Cell] = []
    for seed in range(SEEDS):
        for subject in (*kernels, *(MODEL + model for model in models if seed == 0)):
            whole = subject.startswith(MODEL)
            for contestant in CONTESTANTS:
                short = contestant == STOCK or (whole and contestant != OURS)
                cells.append(Cell(subject, contestant, seed, SHORT if short else FULL))
    return cells + [Cell(kernel, STOCK, 0, FULL) for kernel in kernels]


class Results:
    """The cells that are there, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> dict[Cell, dict[str, Any]]:
        """All of them."""
        found = {}
        for file in sorted(self._folder.glob("*.json")):
            content = json.loads(file.read_text(encoding="utf-8"))
            found[Cell(**content["cell"])] = content
        return found

    def missing(self, wanted: list[Cell]) -> Iterator[Cell]:
        """Those that no cell of as many trials is there for, in order; looked up as they come."""
        for cell in wanted:
            file = self._folder / cell.file
            if file.is_file():
                there = json.loads(file.read_text(encoding="utf-8"))["cell"]["trials"]
                if there >= cell.trials:
                    continue
            yield cell

    def write(self, cell: Cell, curve: Curve, facts: Mapping[str, Any]) -> None:
        """Add a cell, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        content = {"cell": asdict(cell), **facts, "rate": round(rate(curve.seconds), 3)}
        content |= {"checkpoints": curve.checkpoints, "best": _rounded(curve.best)}
        content["seconds"] = [round(second, 2) for second in curve.seconds]
        with atomic_path(self._folder / cell.file) as temporary:
            temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")


def run(
    wanted: list[Cell],
    results: Results,
    search: Callable[[Cell], Curve],
    describe: Callable[[], Mapping[str, Any]],
    seconds: float,
) -> Iterator[Cell]:
    """Search missing cells until the next one would not end within ``seconds``, as far as those
    that are there tell; yields each when it is stored."""
    end = time.monotonic() + seconds
    for cell in results.missing(wanted):
        if time.monotonic() + expected(cell, results.read()) > end:
            continue  # a quicker one may fit
        before = os.getloadavg()[0]
        curve = search(cell)
        load = {"before": round(before, 1), "after": round(os.getloadavg()[0], 1)}
        results.write(cell, curve, {**describe(), "load": load})
        yield cell


def expected(cell: Cell, known: Mapping[Cell, Mapping[str, Any]]) -> float:
    """Seconds that a cell takes, by the slowest of its contestant's on the same subject, or on any
    where there is none."""
    mine = {c: found for c, found in known.items() if c.contestant == cell.contestant}
    same = [found for c, found in mine.items() if c.subject == cell.subject]
    taken = [
        found["seconds"][-1] / len(found["seconds"])
        for found in same or mine.values()
        if found["seconds"]
    ]
    return cell.trials * max(taken, default=_SECONDS_A_TRIAL[cell.contestant])


def rate(seconds: list[float]) -> float:
    """Trials a second after what is known at first: of ours one, of MetaSchedule's a batch."""
    later = [when for when in seconds if when > seconds[0] + _AT_ONCE]
    return len(later) / (later[-1] - seconds[0]) if later else 0.0


def _rounded(costs: list[float | None]) -> list[float | None]:
    return [None if cost is None else float(f"{cost:.4g}") for cost in costs]
