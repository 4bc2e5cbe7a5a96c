"""Freestanding libraries in figures: what they consist of, how fast they are, what an app ships.

``python scripts/bench_library.py [MODEL ...] [--parts sizes,1,2,first] [--prepare] [--again]``

The parts: ``sizes`` of each model's library for several targets; ``1`` and ``2``, latency on so
many threads beside TVM's VM, onnxruntime, LiteRT and ncnn, in turns; ``first``, what must ship
beside a model, the peak of memory and the time to the first result, beside the same runtimes.
``--prepare`` only converts; ``sizes``, too, may be made on a busy machine. The rest takes half a
minute a model. What the result file has of the sources as they are is not measured again, so a run
that was stopped goes on; the page is written from the file.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import machine, model_list
from scripts.bench import results, tables
from scripts.bench.contestants.base import Source
from scripts.bench.duel import Pace, duel, worst_error
from scripts.bench.forms import form, our_sources
from scripts.bench.models import KIND_OF, OTHER
from scripts.bench.shipped.measure import first_results
from scripts.bench.shipped.page import page
from scripts.bench.shipped.runtimes import RUNTIMES
from scripts.bench.sources import source
from tvmedge.resources import atomic_path

TARGETS = ("host", "raspberry-pi-4b", "raspberry-pi-2")
TINY_TARGETS = ("cortex-m7", "cortex-m55", "hexagon-v67")
TINY_BYTES = 5_000_000
"""Of a model's file: larger ones are not for microcontrollers and DSPs."""
RACERS = ("tvmedge", "tvmedge-vm", "onnxruntime", "litert", "ncnn")
PACE = Pace(rounds=6, round_ms=150, enough_ms=1500)
_SOURCES = our_sources()
_NAMES = [entry.name for entry in model_list.load_list()]
_OUT = Path(__file__).with_name("results") / "bench_library.json"
_PAGE = Path(__file__).resolve().parent.parent / "docs" / "library-figures.md"
_SIZES, _FIRST = "sizes", "first"
_MADE = "made"  # of which sources each part is


def main(arguments: list[str]) -> int:
    """Measure, write the result file after each model, then the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in models.toml; all if none")
    parser.add_argument("--parts", default="sizes,1,2,first", help="of sizes, 1, 2, first")
    parser.add_argument("--prepare", action="store_true", help="convert only, measure nothing")
    parser.add_argument("--again", action="store_true", help="measure what is known, too")
    parser.add_argument("--out", type=Path, default=_OUT, help="result file")
    options = parser.parse_args(arguments)
    report = results.read(options.out)
    report["machine"] = machine.describe(["tvmedge", "onnxruntime", "apache-tvm"])
    report["runtimes"] = {name: runtime.packages() for name, runtime in RUNTIMES.items()}
    records = [_record(report, name) for name in options.models or _NAMES]
    if options.prepare:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as workers:
            list(workers.map(_prepare, records))
    for record in () if options.prepare else records:
        for part in options.parts.split(","):
            if options.again or record[_MADE].get(part) != _SOURCES:
                _measure(record, part)
                results.write(options.out, report)
    if options.out == _OUT:
        with atomic_path(_PAGE) as temporary:
            temporary.write_text(page(report), encoding="utf-8")
    return 0


def _record(report: results.Record, name: str) -> results.Record:
    for record in report["models"]:
        if record["model"] == name:
            kept: results.Record = record
            kept.setdefault(_MADE, {})
            return kept
    record = {"model": name, "kind": KIND_OF.get(name, OTHER), "runs": {}, "load": {}, _MADE: {}}
    report["models"].append(record)
    report["models"].sort(key=lambda record: _NAMES.index(record["model"]))
    return record


def _prepare(record: results.Record) -> None:
    """Make what every runtime loads, each in a process of its own."""
    given = source(model_list.find(record["model"]))
    for racer in () if _is_none(record) else dict.fromkeys((*RACERS, *RUNTIMES)):
        print(given.name, racer, form(racer, given).failed or "ready", flush=True)


def _is_none(record: results.Record) -> bool:
    """Whether the model is known to be no library."""
    return "failed" in record.get(_SIZES, {})


def _measure(record: results.Record, part: str) -> None:
    """Put one part into ``record`` and say what came out."""
    if part == _SIZES or not _is_none(record):
        given = source(model_list.find(record["model"]))
        print(f"{given.name} {part}: {_measured(record, part, given)}", flush=True)
    record[_MADE][part] = _SOURCES


def _measured(record: results.Record, part: str, given: Source) -> Any:
    """Measure one part; what a terminal shows of it."""
    if part == _SIZES:
        record[_SIZES] = _sizes(given)
        return record[_SIZES]
    if part == _FIRST:
        forms = {name: form(name, given) for name in RUNTIMES}
        record[_FIRST] = first_results(forms, given.inputs, worst_error(given.model))
        return record[_FIRST]
    forms = {name: form(name, given) for name in RACERS}
    record["forms"] = {name: made.row() for name, made in forms.items()}
    record["load"][part] = round(os.getloadavg()[0], 1)
    record["runs"][part] = duel(forms, given.inputs, int(part), PACE, worst_error(given.model))
    return tables.line(record, int(part))


def _sizes(given: Source) -> dict[str, Any]:
    from scripts.bench.shipped.sizes import sizes
    from scripts.model_import import imported
    from tvmedge.compiler.library.refused import NotStraightLineError
    from tvmedge.targeting import target

    model = imported(model_list.find(given.name), given.model)
    tiny = given.model.stat().st_size <= TINY_BYTES
    try:
        return {n: sizes(model, target(n)) for n in (*TARGETS, *(TINY_TARGETS if tiny else ()))}
    except NotStraightLineError as error:
        return {"failed": error.node}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
