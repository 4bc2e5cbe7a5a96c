"""int8 versions of listed models: our integers against onnxruntime's, on time and error.

``python scripts/bench_int8.py [NAME ...] [--seconds S] [--out FILE]``

One process and one thread, contestants in turns; models not named keep their results. Errors
are root mean squares against onnxruntime on the float model, over inputs that the quantiser
saw and others.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from scripts import machine
from scripts.bench.contestants.base import Contestant
from scripts.bench.contestants.onnx_runtime import OnnxRuntime
from scripts.bench.contestants.ours import TvmEdge
from scripts.bench.sources import source
from scripts.model_list import ModelEntry, find
from scripts.model_samples import plausible
from scripts.quantise_models import MODELS, SEEDS, quantised
from tvmedge.resources import atomic_path

OUT = Path(__file__).with_name("results") / "int8.json"
OTHERS = (20, 21, 22)
OURS, THEIRS, FLOAT = "tvmedge int8", "onnxruntime int8", "onnxruntime float32"

Array = NDArray[Any]


def loaded(entry: ModelEntry, folder: Path) -> dict[str, Contestant]:
    """The contestants by name, ready to run."""
    floats = source(entry)
    integers = replace(floats, model=quantised(entry))
    bundle = TvmEdge.convert(integers, folder)
    forms: dict[str, tuple[type[Contestant], Path]] = {
        OURS: (TvmEdge, bundle),
        THEIRS: (OnnxRuntime, integers.model),
        FLOAT: (OnnxRuntime, floats.model),
    }
    made: dict[str, Contestant] = {}
    for name, (kind, form) in forms.items():
        made[name] = kind(1)
        made[name].prepare()
        made[name].load(form, plausible(entry))
    return made


def errors(entry: ModelEntry, contestants: Mapping[str, Any]) -> dict[str, float]:
    """Root mean squares of what int8 contestants differ by from the float model."""
    squares: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for seed in (*SEEDS, *OTHERS):
        for contestant in contestants.values():
            contestant.inputs = plausible(entry, seed)
        exact = contestants[FLOAT].run()
        for name, found in squares.items():
            pairs = zip(contestants[name].run(), exact, strict=True)
            found += [float(np.mean(np.square(one - other))) for one, other in pairs]
    return {name: float(np.sqrt(np.mean(found))) for name, found in squares.items()}


def times(contestants: Mapping[str, Contestant], seconds: float) -> dict[str, dict[str, float]]:
    """Least and median milliseconds of each, measured in turns."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, contestant in contestants.items():
            taken[name] += contestant.time(3)
    return {
        name: {"min_ms": min(all_), "p50_ms": median(all_), "runs": len(all_)}
        for name, all_ in taken.items()
    }


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(MODELS)}")
    parser.add_argument("--seconds", type=float, default=10, help="for the times of each model")
    parser.add_argument("--out", type=Path, default=OUT, help="result file")
    options = parser.parse_args(arguments)
    kept = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    report: dict[str, Any] = {
        "machine": machine.describe(["tvmedge", "onnxruntime", "apache-tvm"]),
        "models": kept.get("models", {}),
    }
    for name in options.names or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            contestants = loaded(find(name), Path(folder))
            found = times(contestants, options.seconds)
            report["models"][name] = {
                "load": round(os.getloadavg()[0], 1),
                "times": found,
                "rms_error": errors(find(name), contestants),
            }
        print(name, *(f"{who} {row['min_ms']:.3f} ms" for who, row in found.items()), sep=", ")
        with atomic_path(options.out) as path:
            path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
