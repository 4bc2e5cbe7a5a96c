"""Every model of the list through the product, side by side in one run.

Compiles each for this machine and a Raspberry Pi 4, checks both bundles (the
Pi's in the emulator) against onnxruntime on an input of the kind that the model
is made for, this machine's on noise too, and measures what a user waits for at
start-up. Writes scripts/results/models.json and models.md.

    python scripts/report_models.py [--resume] [NAME ...]

``--resume`` goes on where a run was cut off: start-up figures and the models that
it came to stay, the others are measured (with names, those).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from scripts import board_figures, fetch_models, machine, model_list, model_samples, models_table
from tvmedge.compiler.onnxruntime_session import OnnxRuntime
from tvmedge.resources import atomic_path
from tvmedge.tensors import max_normalised_error

_ROOT = Path(__file__).resolve().parents[1]
_RESULTS = Path(__file__).with_name("results")
_TARGETS = models_table.TARGETS
_REPEATS = 9
_RESUME = "--resume"
_FIGURES = ("start_up_ms", "wheel_bytes", "board")
_PACKAGES = ("apache-tvm", "apache-tvm-ffi", "onnx", "onnxruntime", "ziglang", "numpy")
_TIMEOUT_S = 1800
# The same process twice, in one of them TVM finds no out-of-tree plugin.
_IMPORT_TVM = (
    "import importlib.metadata as m; find = m.entry_points; "
    "m.entry_points = lambda **k: list(find(**k))[:{}]; import tvm"
)


@dataclass(frozen=True)
class _Outcome:
    """What a verb printed as JSON, or the sentence it refused with."""

    document: dict[str, Any] | None
    sentence: str


def main(names: list[str]) -> int:
    resumed = names[:1] == [_RESUME]
    names = names[1:] if resumed else names
    last = _last() if resumed else {}
    figures = {name: last[name] for name in _FIGURES} if resumed else _figures()
    rows = {row["name"]: row for row in last.get("models", ())}
    listed = model_list.load_list()
    wanted = [model_list.find(name) for name in names] or [e for e in listed if e.name not in rows]
    command = " ".join(["python", "scripts/report_models.py", *([] if resumed else names)])
    for entry in wanted:
        rows[entry.name] = _model(entry)
        print(models_table.line(rows[entry.name]), flush=True)
        models = [rows[entry.name] for entry in listed if entry.name in rows]
        # After each: a run of many minutes may be cut off.
        _write({"command": command, "machine": _machine(), **figures, "models": models})
    return 0


def _figures() -> dict[str, Any]:
    return {
        "start_up_ms": _start_up(),
        "wheel_bytes": _wheel_bytes(),
        "board": board_figures.figures(),
    }


def _last() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_RESULTS / "models.json").read_text(encoding="utf-8"))
    return found


def _write(report: dict[str, Any]) -> None:
    for name, text in (
        ("models.json", json.dumps(report, indent=1) + "\n"),
        ("models.md", models_table.markdown(report)),
    ):
        with atomic_path(_RESULTS / name) as path:
            path.write_text(text, encoding="utf-8")


def _model(entry: model_list.ModelEntry) -> dict[str, Any]:
    model = fetch_models.fetch(entry)
    row: dict[str, Any] = {"name": entry.name, "onnx_bytes": model.stat().st_size}
    with tempfile.TemporaryDirectory(prefix="tvmedge-report-") as folder:
        sample = Path(folder) / "sample.npz"
        np.savez(sample, allow_pickle=False, **model_samples.plausible(entry))
        row["import"] = _import(model, entry)
        targets = [word for target in _TARGETS for word in ("-t", target)]
        where = ["-o", folder, f"--check-input={sample}"]
        compiled = _tvmedge("compile", str(model), *targets, *where, *entry.flags())
        if compiled.document is None:
            return row | {"refused": compiled.sentence.replace(str(model), model.name)}
        row["targets"] = {}
        for bundle in compiled.document["bundles"]:
            board = "local" if bundle["target"] == "host" else "emulated"
            limit = ["--timeout", str(_TIMEOUT_S)]
            checked = _tvmedge("run", bundle["path"], "--check", "--board", board, *limit)
            row["targets"][bundle["target"]] = {
                "compile_seconds": bundle["seconds"],
                "bundle_bytes": bundle["bytes"],
                "code_bytes": bundle["files"]["code/model.so"],
                "weights_bytes": bundle["files"]["weights.safetensors"],
                "kernels": bundle["kernels"]["total"],
                "check": checked.document["check"] if checked.document else checked.sentence,
            }
            if bundle["target"] == "host":
                row["noise"] = _on_noise(model, entry, bundle["path"])
    return row


def _import(model: Path, entry: model_list.ModelEntry) -> dict[str, Any] | None:
    """The faster of two processes; None where the model is refused."""
    runs = []
    for _ in range(2):
        command = [sys.executable, "-m", "scripts.import_times", str(model), *entry.flags()]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, check=False)
        if done.returncode:
            return None
        runs.append(json.loads(done.stdout))
    best: dict[str, Any] = min(runs, key=lambda run: run["seconds"])
    return best


def _on_noise(model: Path, entry: model_list.ModelEntry, bundle: str) -> dict[str, Any]:
    """Our error on noise, and onnxruntime's against itself without optimisations."""
    inputs = model_samples.noise(entry)
    with tempfile.TemporaryDirectory(prefix="tvmedge-report-") as folder:
        given, taken = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(given, allow_pickle=False, **inputs)
        done = _tvmedge("run", bundle, "--input", str(given), "--output", str(taken))
        if done.document is None:
            return {"failed": done.sentence}
        got = dict(np.load(taken))
    fixed = {
        name: np.asarray(spec.value, spec.dtype)
        for name, spec in entry.inputs.items()
        if spec.value is not None
    }
    want, plain = (
        OnnxRuntime(str(model), plain=plain).run(list(got), inputs | fixed)
        for plain in (False, True)
    )
    return {
        "error": max(map(max_normalised_error, got.values(), want)),
        "onnxruntime_spread": max(map(max_normalised_error, plain, want)),
    }


def _tvmedge(*arguments: str) -> _Outcome:
    command = [sys.executable, "-m", "tvmedge", *arguments, "--json"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    document = json.loads(done.stdout) if done.stdout else None
    return _Outcome(document, done.stderr.strip().splitlines()[-1] if done.stderr else "")


def _start_up() -> dict[str, Any]:
    """Medians and spread in milliseconds of fresh processes."""
    python = [sys.executable]
    bare = [*python, "-c", "pass"]
    return {
        "bare python": _milliseconds(bare),
        "import tvmedge": _milliseconds([*python, "-c", "import tvmedge"]),
        "tvmedge --help": _milliseconds([*python, "-m", "tvmedge", "--help"]),
        "tvmedge targets": _milliseconds([*python, "-m", "tvmedge", "targets"]),
        "tvmedge doctor": _milliseconds([*python, "-m", "tvmedge", "doctor"]),
        "import tvm": _milliseconds([*python, "-c", _IMPORT_TVM.format("")]),
        "import tvm without our plugin": _milliseconds([*python, "-c", _IMPORT_TVM.format("0")]),
    }


def _wheel_bytes() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder]
        subprocess.run(command, cwd=_ROOT, check=True, capture_output=True)
        return next(Path(folder).glob("*.whl")).stat().st_size


def _milliseconds(command: list[str]) -> dict[str, float]:
    samples = []
    for _ in range(_REPEATS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        samples.append((time.perf_counter() - started) * 1e3)
    warm = samples[1:]
    return {
        "median": round(statistics.median(warm), 1),
        "min": round(min(warm), 1),
        "max": round(max(warm), 1),
        "repetitions": len(warm),
    }


def _machine() -> dict[str, Any]:
    qemu = subprocess.run(["qemu-aarch64", "--version"], capture_output=True, text=True, check=True)
    return machine.describe(_PACKAGES) | {"qemu": qemu.stdout.splitlines()[0]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
