"""``python -m scripts.bench.tuning.plot SUMMARY.json OUT.svg``: best found against trials.

Runs in an environment of its own, which has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

_COLOURS = {"ours": "#0969da", "random": "#8250df", "stock": "#cf6a00"}
_NAMES = {"ours": "ours", "random": "random in our space", "stock": "MetaSchedule"}


def main(summary: str, out: str) -> None:
    """A chart a kernel or model: a line a seed, through what the same timer measured."""
    content = json.loads(Path(summary).read_text(encoding="utf-8"))
    subjects = list(content["subjects"])
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tvmedge", "font.size": 9})
    rows = -(-len(subjects) // 3)
    figure, grid = plt.subplots(
        rows, 3, figsize=(9, 2.4 * rows + 0.5), layout="constrained", squeeze=False
    )
    for axes in grid.flat[len(subjects) :]:
        axes.set_axis_off()
    for axes, subject in zip(grid.flat, subjects, strict=False):
        for one in content["subjects"][subject]:
            points = {int(n): cost for n, cost in one["of_untuned"].items()}
            name = one["contestant"]
            axes.plot(
                list(points), list(points.values()), marker="o", markersize=3, color=_COLOURS[name]
            )
        axes.axhline(1, color="black", linewidth=0.8, linestyle="dashed")
        axes.set_xscale("log", base=2)
        axes.set_xticks([16, 32, 64, 128, 256], ["16", "32", "64", "128", "256"])
        axes.set_xlim(14, 290)
        low, high = axes.get_ylim()
        if high > 3 * low:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%.2g"))
        axes.set_title(subject, fontsize=9)
        axes.grid(color="#dddddd", linewidth=0.6)
    marks = [plt.Line2D([], [], color=_COLOURS[n], marker="o", label=_NAMES[n]) for n in _COLOURS]
    title = f"of the untuned cost, against trials; {content['there']} of {content['wanted']} cells"
    figure.legend(handles=marks, ncols=3, loc="outside lower center", frameon=False)
    figure.suptitle(title, fontsize=9)
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
