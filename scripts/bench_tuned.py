"""What two minutes of tuning make of whole models here: the sum of their kernels' times, and whole
runs in turns with the untuned model and other runtimes, all on one thread.

``python scripts/bench_tuned.py [MODEL ...] [--time 120] [--again] [--steps search,compile,race]
[--peers onnxruntime,openvino]``

Models that scripts/results/bench_tuned.json has are left out unless ``--again`` is given, so that
sessions add to it. A row says what each kernel that won something won by, and with which decisions:
what many of them share belongs into the rules. Run it on a quiet core (docs/benchmarks.md);
compiling, which needs none, may be a call of its own, with as many cores: what a step leaves for
the next one is kept in the user's cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import fetch_models, machine, model_list
from scripts.bench import results
from scripts.bench.contestants.ours import TvmEdge, TvmEdgeTuned, compiled
from scripts.bench.duel import REFERENCE, Pace, duel, worst_error
from scripts.bench.forms import Form, form
from scripts.bench.models import KIND_OF
from scripts.bench.results import mean
from scripts.bench.sources import source
from scripts.model_import import imported
from tvmedge.bundle import read_bundle
from tvmedge.records.best import best
from tvmedge.records.sources import NONE
from tvmedge.records.store import Store, open_store
from tvmedge.resources import cache_dir
from tvmedge.targeting import target
from tvmedge.tuning.costs.wall_time import WallTime
from tvmedge.tuning.session import How, Limits, Session, TaskResult, TuneResult
from tvmedge.tuning.tasks import tasks_of

RESULTS = Path(__file__).with_name("results") / "bench_tuned.json"
PEERS = ("onnxruntime", "openvino", "litert", "ncnn")
_UNTUNED, _TUNED = TvmEdge.name, TvmEdgeTuned.name
_STORE = "records.db"
_WORTH = 0.002  # of the model, for a kernel to be named
_RACES = 5
_ROUNDS = 4  # of a race, the first of which warms up


class Step(str, Enum):
    """What is done for a model, in this order: each needs what the one before it left."""

    SEARCH = "search"
    COMPILE = "compile"
    RACE = "race"


def main(arguments: list[str]) -> int:
    """Do what is missing, a line a step of a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in models.toml; bench/models.py's if none")
    parser.add_argument("--time", type=float, default=120, help="seconds of search a model")
    parser.add_argument("--again", action="store_true", help="also what the file has")
    parser.add_argument("--steps", default=",".join(Step), help="some of the default's")
    parser.add_argument("--peers", default=",".join(PEERS), help="some of the default's")
    options = parser.parse_args(arguments)
    steps = [Step(step) for step in options.steps.split(",")]
    rows = {row["name"]: row for row in results.read(RESULTS)["models"]}
    for name in options.models or KIND_OF:
        folder = cache_dir("bench") / "tuned" / name
        row = {} if options.again and Step.SEARCH in steps else rows.get(name, {})
        if Step.SEARCH in steps and not row:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            row = searched(name, options.time, folder / _STORE)
            print(name, {key: row[key] for key in ("ratio", "trials", "because")}, flush=True)
        if Step.COMPILE in steps and (folder / _STORE).is_file():
            _compile(name, folder)
        if Step.RACE in steps and row and (options.again or "whole" not in row):
            row |= raced(name, folder, options.peers.split(","))
            print(name, row["whole"], row["of_best_peer"], flush=True)
        if row:
            rows[name] = row
            results.write(RESULTS, {**means(list(rows.values())), "models": list(rows.values())})
    return 0


def means(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Geometric means over models: kernels' sum after over before, and whole runs over those of
    the best peer before and after."""
    found: dict[str, Any] = {"mean": round(mean([row["ratio"] for row in rows]), 4)}
    known = [row["of_best_peer"] for row in rows if len(row.get("of_best_peer", {})) == 2]
    if known:
        found["raced"] = len(known)
        found["of_best_peer"] = {
            ours: round(mean([one[ours] for one in known]), 4) for ours in (_UNTUNED, _TUNED)
        }
    return found


def searched(name: str, seconds: float, records: Path) -> dict[str, Any]:
    """One model's row, without the race: kernels' sums in milliseconds for one inference."""
    entry, spec, load = model_list.find(name), target("host"), os.getloadavg()[0]
    tasks = tasks_of(imported(entry, fetch_models.fetch(entry)).module, spec, WallTime.name)
    how = How(limits=Limits(trials=1_000_000, seconds=seconds))
    with open_store(str(records), create=True) as store, WallTime() as source:
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


def _compile(name: str, folder: Path) -> None:
    """The model with the records that its search left, and without any."""
    given = source(model_list.find(name))
    for ours, records in ((_UNTUNED, NONE), (_TUNED, str(folder / _STORE))):
        shutil.rmtree(folder / ours, ignore_errors=True)
        (folder / ours).mkdir()
        compiled(given, folder / ours, "host", ["--records", records])


def raced(name: str, folder: Path, others: Sequence[str] = PEERS) -> dict[str, Any]:
    """Milliseconds of whole runs, ours in shares of the best peer's, and what each race says of
    tuned beside untuned: one thread, the middle of races in fresh processes, whose order turns
    round (the same code differs by 3 % from process to process, once by 10)."""
    given = source(model_list.find(name))
    untuned, tuned = (next((folder / ours).glob("*.tvmedge")) for ours in (_UNTUNED, _TUNED))
    forms = {_UNTUNED: Form(untuned), _TUNED: Form(tuned)}
    forms |= {peer: form(peer, given) for peer in others}
    if not read_bundle(tuned).manifest.code.kernels_tuned:
        sys.exit(f"{name}: no record applies: search and compile with as many cores.")
    whole: dict[str, list[float]] = {}
    for number in range(_RACES):
        order = dict(reversed(forms.items())) if number % 2 else forms
        run = duel(order, given.inputs, 1, Pace(rounds=_ROUNDS), worst_error(given.model))
        for one, timed in run.items():
            if "failed" in timed and one in (_UNTUNED, _TUNED, REFERENCE):
                sys.exit(f"{name}: {one} failed: {timed['failed']}")
            if "median_ms" in timed:
                whole.setdefault(one, []).append(timed["median_ms"])
    middle = {one: round(statistics.median(times), 4) for one, times in whole.items()}
    best_peer = min(middle[peer] for peer in others if peer in middle)
    ratios = zip(whole[_TUNED], whole[_UNTUNED], strict=True)
    return {
        "whole": middle,
        "tuned_of_untuned": sorted(round(after / before, 4) for after, before in ratios),
        "of_best_peer": {one: round(middle[one] / best_peer, 4) for one in (_UNTUNED, _TUNED)},
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
