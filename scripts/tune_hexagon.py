"""A Hexagon's kernels tuned by packets on emulators: what a candidate takes, and what is found.

``python scripts/tune_hexagon.py [MODEL ...] [--trials 100] [--target hexagon-v67] [--int8]``

MODEL is a name of scripts/models.toml, with --int8 of ``quantise_models.py``, or an ONNX file (with
--input as of 'tvmedge tune'). Packets ignore stalls, cache and VTCM. Writes
scripts/results/tune_hexagon.json after each model; one that the file has is tuned anew.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import fetch_models, machine, model_list
from scripts.quantise_models import quantised
from tvmedge.boards.emulated import linked_kernel_command
from tvmedge.model.importer import import_model
from tvmedge.model.inputs import parse_inputs
from tvmedge.model.load import Model, load
from tvmedge.records.store import open_store
from tvmedge.resources import atomic_path
from tvmedge.targeting import TargetSpec, target
from tvmedge.targeting.core import core_of
from tvmedge.tuning.build import Job, as_text, build
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate
from tvmedge.tuning.costs.choose import boardless
from tvmedge.tuning.costs.kind import CostKind
from tvmedge.tuning.costs.packet_board import PacketBoard
from tvmedge.tuning.events import Began, Event, Tried
from tvmedge.tuning.session import How, Limits
from tvmedge.tuning.space import Space
from tvmedge.tuning.tasks import tasks_of
from tvmedge.tuning.tune import TuneOptions, tune_model
from tvmedge.types import PACKETS_IGNORE

RESULTS = Path(__file__).with_name("results") / "tune_hexagon.json"
MODELS = ("text-classifier",)


def main(arguments: list[str]) -> int:
    """Tune, print a line a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, help="names in models.toml, or files")
    parser.add_argument("--int8", action="store_true", help="the quantised versions of names")
    parser.add_argument("--trials", type=int, default=100, help="of a whole model")
    parser.add_argument("--seconds", type=float, help="the most that a model may take")
    parser.add_argument("--target", default="hexagon-v67")
    parser.add_argument("--input", action="append", default=[], help="NAME:SHAPE, of a file")
    parser.add_argument("--store", type=Path, help="keep the records here, for bench_hexagon.py")
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file")
    options = parser.parse_args(arguments)
    rows: dict[str, dict[str, Any]] = {}
    if options.out.is_file():
        kept = json.loads(options.out.read_text(encoding="utf-8"))["sessions"]
        rows = {f"{row['model']} {row['target']}": row for row in kept}
    for name in options.models:
        model, flags = _found(name, options.input, int8=options.int8)
        limits = Limits(options.trials, options.seconds)
        row = session(model, flags, target(options.target), limits, options.store)
        print(json.dumps({key: value for key, value in row.items() if key != "curve"}), flush=True)
        rows[f"{row['model']} {row['target']}"] = row
        _write(options.out, list(rows.values()))
    return 0


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    described = machine.describe(["tvmedge", "apache-tvm"])
    head = json.dumps({"note": PACKETS_IGNORE, "machine": described})
    lines = ",\n  ".join(map(json.dumps, rows))
    with atomic_path(path) as temporary:
        temporary.write_text(f'{head[:-1]}, "sessions": [\n  {lines}\n]}}\n', encoding="utf-8")


def session(
    model: Model, flags: Sequence[str], spec: TargetSpec, limits: Limits, kept: Path | None = None
) -> dict[str, Any]:
    """A model tuned; the ``curve`` is [trial, seconds, packets of all kernels at their best].

    ``load`` is the machine's over a minute, before and after; ``cpu_seconds`` are those of all
    processes of the session, on whichever cores others left to it."""
    given = parse_inputs(flags)
    load, used = os.getloadavg()[0], _cpu_seconds()
    curve = Curve()
    options = TuneOptions(given.shapes, given.values, how=How(limits=limits), listen=curve)
    with contextlib.ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="tvmedge-tune-"))
        store = opened.enter_context(open_store(str(kept or Path(folder) / "store"), create=True))
        source = opened.enter_context(boardless(CostKind.PACKETS, spec))
        result = tune_model(model, spec, source, store, options)
        if not result.untuned:
            sys.exit(f"{model.path}: no kernel has sizes that are known; give its inputs' shapes.")
        row: dict[str, Any] = {"model": model.name, "target": spec.name, "source": source.name}
        row |= {"emulators": source.slots, "trials": result.trials}
    row |= {"seconds": round(result.seconds), "because": result.because}
    row |= {"cpu_seconds": round(_cpu_seconds() - used)}
    row |= {"load": [round(load, 1), round(os.getloadavg()[0], 1)]}
    row |= {"candidates_per_minute": round(60 * result.trials / result.seconds, 1)}
    row |= {"untuned": result.untuned, "tuned": result.best}
    row |= {"ratio": round(result.best / result.untuned, 4)}
    return row | {"one_candidate": one_candidate(model, flags, spec), "curve": curve.points}


def _cpu_seconds() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _found(name: str, inputs: Sequence[str], *, int8: bool) -> tuple[Model, Sequence[str]]:
    if Path(name).is_file():
        return load(Path(name)), inputs
    entry = model_list.find(name)
    flags = [flag.removeprefix("--input=") for flag in entry.flags()]
    return load(quantised(entry) if int8 else fetch_models.fetch(entry)), flags


class Curve:
    """Listens to a session; kernels of other algorithms than the untuned model's are left out."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float, float]] = []
        self._calls: dict[str, int] = {}
        self._best: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Began):
            self._calls = {task.workload: task.calls for task in event.tasks if task.calls}
        elif isinstance(event, Tried) and event.workload in self._calls and event.best is not None:
            self._best[event.workload] = event.best
            if len(self._best) == len(self._calls):
                total = sum(calls * self._best[work] for work, calls in self._calls.items())
                self.points.append((event.trial, round(event.seconds, 1), total))


def one_candidate(model: Model, flags: Sequence[str], spec: TargetSpec) -> dict[str, float]:
    """Medians over a model's untuned kernels, in milliseconds: building one, linking it with the
    server, and linking, starting and running it."""
    given = parse_inputs(flags)
    tasks = tasks_of(import_model(model, given.shapes).module, spec, "none")
    samples: dict[str, list[float]] = {"build_ms": [], "link_ms": [], "link_and_run_ms": []}
    board = PacketBoard(spec, 60)
    for task in tasks.tasks:
        candidate = Space(task.func, core_of(spec)).defaults[0]
        began = time.perf_counter()
        made = build(Job(as_text(task.func), spec, candidate)).code
        samples["build_ms"].append(1e3 * (time.perf_counter() - began))
        samples["link_ms"].append(_link_ms(made, spec))
        began = time.perf_counter()
        board.count(made)
        samples["link_and_run_ms"].append(1e3 * (time.perf_counter() - began))
    return {name: round(statistics.median(values), 1) for name, values in samples.items()}


def _link_ms(made: BuiltCandidate, spec: TargetSpec) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        linked_kernel_command(spec, made.code, SYMBOL, Path(folder))
        return 1e3 * (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
