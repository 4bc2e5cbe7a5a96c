"""Our bundles against other runtimes on this machine's CPU, model by model.

``python scripts/bench_cpu.py [MODEL ...] [--threads 1,2] [--only tvmedge,onnxruntime,...]``

Every contestant converts a model once (``--prepare`` stops after that), loads it in a
pinned process of its own and is timed in turns with the others on the same plausible
inputs; one whose outputs differ from onnxruntime's is out. What contestants need is
installed into the user's cache when first used. A run that was stopped goes on with
``--resume`` as long as our sources are the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import machine, model_list
from scripts.bench import results, tables
from scripts.bench.contestants import CONTESTANTS, ON_OPENCL, OURS
from scripts.bench.duel import REFERENCE, duel, worst_error
from scripts.bench.forms import Form, form, our_sources
from scripts.bench.models import KIND_OF, OTHER
from scripts.bench.sources import source

# scripts/bench_library.py compares forms of ours.
_DEFAULT = ",".join(name for name in CONTESTANTS if name not in (*OURS[1:], *ON_OPENCL))
_OUT = Path(__file__).with_name("results") / "bench_cpu.json"


def main(arguments: list[str]) -> int:
    """Measure, print lines, write the result file after each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in models.toml; bench/models.py's if none")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, such as 1,2")
    parser.add_argument("--only", default=_DEFAULT, help=f"of {', '.join(CONTESTANTS)}")
    parser.add_argument("--prepare", action="store_true", help="convert only, time nothing")
    parser.add_argument("--resume", action="store_true", help="keep what the result file has")
    parser.add_argument("--out", type=Path, default=_OUT, help="result file")
    options = parser.parse_args(arguments)
    chosen = [name for name in CONTESTANTS if name in (*options.only.split(","), REFERENCE)]
    report: results.Record = {
        "machine": machine.describe(["tvmedge", "onnxruntime", "apache-tvm"]),
        "contestants": {name: CONTESTANTS[name].packages() for name in chosen},
        "sources": our_sources(),
        "models": [],
    }
    if options.resume and (kept := results.read(options.out)).get("sources") == report["sources"]:
        report["models"] = kept["models"]
        report["contestants"] = kept["contestants"] | report["contestants"]
    for name in options.models or KIND_OF:
        record = _record(report, model_list.find(name))
        given = source(model_list.find(name))
        forms = {
            contestant: form(contestant, given, again=options.prepare) for contestant in chosen
        }
        record["forms"] = {contestant: made.row() for contestant, made in forms.items()}
        print(_conversions(name, forms), flush=True)
        if options.prepare:
            [CONTESTANTS[contestant].runs_in.python() for contestant in chosen]
            continue
        for threads in map(int, options.threads.split(",")):
            if str(threads) not in record["runs"]:
                # What else the machine did says how far the numbers can be believed.
                record["load"][str(threads)] = round(os.getloadavg()[0], 1)
                record["runs"][str(threads)] = duel(
                    forms, given.inputs, threads, allowed=worst_error(given.model)
                )
                print(tables.line(record, threads), flush=True)
        results.write(options.out, report)
    print("\n".join(results.summary(report)))
    return 0


def _record(report: results.Record, entry: model_list.ModelEntry) -> results.Record:
    """The model's part of the report, new where it has none."""
    for record in report["models"]:
        if record["model"] == entry.name:
            kept: results.Record = record
            return kept
    record = {"model": entry.name, "kind": KIND_OF.get(entry.name, OTHER), "runs": {}, "load": {}}
    report["models"].append(record)
    return record


def _conversions(name: str, forms: dict[str, Form]) -> str:
    cells = (
        f"{contestant}: {made.failed}" if made.failed else f"{contestant} {made.seconds:.1f} s"
        for contestant, made in forms.items()
        if made.failed or made.seconds
    )
    return f"{name}: {'; '.join(cells)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
