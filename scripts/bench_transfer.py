"""Trials that a search saves which begins with what a sibling target or another shape taught.

``python scripts/bench_transfer.py [--trials 24] [--kernel 1x1 ...]``

Each kernel is tuned for a Cortex-A72 first, by instructions counted under QEMU. What that
stored then begins the search for a Cortex-A76 (the same shape), and for the A72 (another
shape); both are searched without it, too. A line and a row of
scripts/results/bench_transfer.json for each of these pairs, as they come.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import onnx

from scripts import machine
from scripts.bench.kernels.cases import DEPTHWISE, POINTWISE, SQUARE, Case
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.records.store import Store, open_store
from tvmedge.resources import atomic_path
from tvmedge.targeting import TargetSpec, target
from tvmedge.tuning.costs.instructions import Instructions
from tvmedge.tuning.events import Event, Tried
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.tasks import Tasks, tasks_of
from tvmedge.types import Winograd

RESULTS = Path(__file__).with_name("results") / "bench_transfer.json"
LEARNT, SIBLING = "raspberry-pi-4b", "raspberry-pi-5"
KERNELS = {
    POINTWISE: (Case(POINTWISE, 64, 14, 64, 1), Case(POINTWISE, 96, 10, 48, 1)),
    DEPTHWISE: (Case(DEPTHWISE, 64, 14, 64, 3, 1, 64), Case(DEPTHWISE, 96, 10, 96, 3, 1, 96)),
    SQUARE: (Case(SQUARE, 16, 14, 32, 3), Case(SQUARE, 24, 10, 24, 3)),
}


def main(arguments: list[str]) -> int:
    """Learn, then search with and without."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=24, help="of a search")
    parser.add_argument("--kernel", action="append", choices=KERNELS, help="only these")
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file")
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for name in options.kernel or KERNELS:
        first, second = KERNELS[name]
        with tempfile.TemporaryDirectory(prefix="tvmedge-transfer-") as folder:
            with open_store(str(Path(folder) / "learnt"), create=True) as store:
                searched(first, target(LEARNT), store, options.trials)
                learnt = store.find()
            for case, spec in ((first, target(SIBLING)), (second, target(LEARNT))):
                curves = {}
                for how in ("cold", "warm"):
                    place = Path(folder) / f"{how} {spec.name} {case.channels}"
                    with open_store(str(place), create=True) as store:
                        store.put(*(learnt if how == "warm" else ()))
                        curves[how] = searched(case, spec, store, options.trials)
                rows.append({"kernel": case.name, "target": spec.name, **saved(**curves)})
                print(json.dumps(rows[-1]), flush=True)
                report = {"machine": machine.describe(["tvmedge", "apache-tvm"]), "searches": rows}
                with atomic_path(options.out) as temporary:
                    temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def searched(case: Case, spec: TargetSpec, store: Store, trials: int) -> list[float]:
    """The layer's cost, as the best known after each trial."""
    best: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Tried) and event.best is not None:
            best.append(event.best)

    with Instructions(spec, slots=1) as source:
        tasks = _task(case.proto(case.tensors()), spec, source.name)
        how = How(limits=Limits(trials, threshold=0.0))
        Session((case.name, tasks), spec, source, store, how, listen).run()
    return best


def saved(cold: list[float], warm: list[float]) -> dict[str, Any]:
    """Trials that each takes to what the cold search ends at, and to what the better of the two
    does; None where it does not get there."""
    facts: dict[str, Any] = {"untuned": cold[0], "cold": cold[-1], "warm": warm[-1]}
    for name, goal in (("cold_best", cold[-1]), ("best_of_both", min(cold[-1], warm[-1]))):
        facts[f"trials_to_{name}"] = {"cold": _first(cold, goal), "warm": _first(warm, goal)}
    return {**facts, "trials": len(cold), "curves": {"cold": cold, "warm": warm}}


def _first(curve: list[float], goal: float) -> int | None:
    return next((index + 1 for index, cost in enumerate(curve) if cost <= goal), None)


def _task(proto: onnx.ModelProto, spec: TargetSpec, cost: str) -> Tasks:
    """The layer alone: no copies into and out of blocks, no other algorithm."""
    module = import_model(Model("layer", Path("layer.onnx"), proto, "0", "?"), {}).module
    tasks = tasks_of(module, spec, cost, Winograd.OFF).tasks
    return Tasks((max(tasks, key=lambda task: len(task.func.params)),), {})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
