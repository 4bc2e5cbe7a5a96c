"""How long each CNN of the list takes to become a bundle for this machine.

``python scripts/bench_compile.py [MODEL ...] [--out FILE.json]``

Every model is compiled by the command line in a fresh process. *Import* is from the ONNX file to
Relax, with what Python loads for that; *compile* is from there to the bundle on disk, with the
reference run of onnxruntime; *CPU* is what the whole process takes, with every import.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import fetch_models, machine, model_list
from scripts.bench import results
from scripts.bench.models import KINDS

_OUT = Path(__file__).with_name("results") / "bench_compile.json"
_CNNS = ("CNN classifier", "detector", "OCR", "audio CNN", "text CNN")
_OTHERS = ("alexnet", "zfnet512", "vgg19", "ddddocr-common-old", "text-recognizer-op9")


def main(arguments: list[str]) -> int:
    """Compile, print a line a model, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in models.toml; all CNNs if none")
    parser.add_argument("--out", type=Path, default=None, help=f"result file, such as {_OUT.name}")
    options = parser.parse_args(arguments)
    names = options.models or [*(name for kind in _CNNS for name in KINDS[kind]), *_OTHERS]
    rows = []
    for name in names:
        rows.append(_row(model_list.find(name)))
        print(
            "{model:28} import {import_s:5.1f} s, compile {compile_s:5.1f} s, CPU {cpu_s:5.1f} s "
            "of {cores}, load {load}".format(**rows[-1]),
            flush=True,
        )
    if options.out:
        report = {"machine": machine.describe(["tvmedge", "apache-tvm"]), "compiled": rows}
        results.write(options.out, report)
    return 0


def _row(entry: model_list.ModelEntry) -> dict[str, Any]:
    load = round(os.getloadavg()[0], 1)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="tvmedge-compile-") as folder:
        command = [sys.executable, "-m", "tvmedge", "compile", str(fetch_models.fetch(entry))]
        command += ["-t", "host", "-o", folder, "--records", "none", "--json", *entry.flags()]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    document = json.loads(done.stdout)
    return {
        "model": entry.name,
        "import_s": round(document["import_seconds"], 2),
        "compile_s": round(document["bundles"][0]["seconds"], 2),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "cores": len(os.sched_getaffinity(0)),
        "load": load,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
