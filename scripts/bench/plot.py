"""``python -m scripts.bench.plot REPORT.json OUT.svg``: every runtime's time over ours.

Runs in an environment of its own, which has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

OURS = "tvmedge"
_MARKS = "osD^vPX"


def main(report: str, out: str, threads: str = "1") -> None:
    """One row a model, the slowest of ours against its best peer at the bottom."""
    content = json.loads(Path(report).read_text(encoding="utf-8"))
    relative = {}
    for record in content["models"]:
        run = record["runs"].get(threads, {})
        times = {name: row["median_ms"] for name, row in run.items() if "median_ms" in row}
        if OURS in times and len(times) > 1:
            relative[record["model"]] = {n: ms / times[OURS] for n, ms in times.items()}
    order = sorted(relative, key=lambda model: _best(relative[model]))
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tvmedge", "font.size": 9})
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.24 * len(order)), layout="constrained")
    peers = [name for name in content["contestants"] if name != OURS]
    axes.axvline(1, color="black", linewidth=1.2, label=OURS)
    for name, mark in zip(peers, _MARKS, strict=False):
        points = {row: relative[m][name] for row, m in enumerate(order) if name in relative[m]}
        if points:
            axes.scatter(
                list(points.values()), list(points), marker=mark, s=22, label=name, zorder=3
            )
    axes.set_yticks(range(len(order)), order)
    axes.set_xscale("log")
    axes.set_xlabel(f"time over ours, {threads} thread; right of the line is slower than us")
    axes.grid(axis="both", color="#dddddd", linewidth=0.6)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.legend(ncols=len(peers) + 1, loc="lower center", bbox_to_anchor=(0.35, 1), frameon=False)
    figure.savefig(out, metadata={"Date": None})


def _best(times: dict[str, float]) -> float:
    return min(value for name, value in times.items() if name != OURS)


if __name__ == "__main__":
    main(*sys.argv[1:])
