"""The result file: one record a model, with its forms and its runs by threads."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scripts.bench.contestants import OURS
from tvmedge.resources import atomic_path

Record = dict[str, Any]


def read(path: Path) -> Record:
    """A result file, or an empty one where there is none."""
    if not path.is_file():
        return {"models": []}
    report: Record = json.loads(path.read_text(encoding="utf-8"))
    return report


def write(path: Path, report: Record) -> None:
    """Replace the file in one step: a run may be stopped at any time."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def medians(record: Record, threads: int) -> dict[str, float]:
    """Milliseconds by contestant, of those that ran the model right."""
    run = record["runs"].get(str(threads), {})
    return {name: row["median_ms"] for name, row in run.items() if "median_ms" in row}


def ratio(record: Record, threads: int) -> float | None:
    """The default form of ours over the best peer; None where one of them is missing."""
    times = medians(record, threads)
    peers = [ms for name, ms in times.items() if name not in OURS]
    return times[OURS[0]] / min(peers) if OURS[0] in times and peers else None


def mean(values: Iterable[float]) -> float:
    """The geometric mean."""
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms))


def summary(report: Mapping[str, Any]) -> list[str]:
    """A line for each number of threads."""
    lines = []
    records = report["models"]
    for threads in sorted({int(key) for record in records for key in record["runs"]}):
        ratios = {r["model"]: value for r in records if (value := ratio(r, threads))}
        if ratios:
            worst = max(ratios, key=lambda name: ratios[name])
            lines.append(
                f"{threads} thread{'s' * (threads > 1)}: {len(ratios)} models, geometric mean of "
                f"ours over the best peer's {mean(ratios.values()):.3f}, largest "
                f"{ratios[worst]:.2f} ({worst})"
            )
    return lines
