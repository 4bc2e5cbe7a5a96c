"""Every model of the list through the product, side by side in one run.

Compiles each for this machine and a Raspberry Pi 4, checks both bundles (the
Pi's in the emulator) against onnxruntime on the listed sample input, and
measures what a user waits for at start-up. Writes scripts/results/models.json
and models.md.

    python scripts/report_models.py [NAME ...]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from scripts import board_figures, fetch_models, machine, model_list, model_samples
from tvmedge.resources import atomic_path

_RESULTS = Path(__file__).with_name("results")
_TARGETS = ("host", "raspberry-pi-4b")
_REPEATS = 9
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
    entries = [model_list.find(n) for n in names] if names else model_list.load_list()
    report: dict[str, Any] = {
        "command": " ".join(["python", "scripts/report_models.py", *names]),
        "machine": _machine(),
        "start_up_ms": _start_up(),
        "wheel_bytes": _wheel_bytes(),
        "board": board_figures.figures(),
        "models": [],
    }
    for entry in entries:
        row = _model(entry)
        report["models"].append(row)
        print(_line(row), flush=True)
        _write(report)  # after each: a run of many minutes may be cut off
    return 0


def _write(report: dict[str, Any]) -> None:
    for name, text in (
        ("models.json", json.dumps(report, indent=1) + "\n"),
        ("models.md", _markdown(report)),
    ):
        with atomic_path(_RESULTS / name) as path:
            path.write_text(text, encoding="utf-8")


def _model(entry: model_list.ModelEntry) -> dict[str, Any]:
    model = fetch_models.fetch(entry)
    row: dict[str, Any] = {"name": entry.name, "onnx_bytes": model.stat().st_size}
    with tempfile.TemporaryDirectory(prefix="tvmedge-report-") as folder:
        sample = Path(folder) / "sample.npz"
        np.savez(sample, allow_pickle=False, **model_samples.plausible(entry))
        targets = [word for target in _TARGETS for word in ("-t", target)]
        where = ["-o", folder, f"--check-input={sample}"]
        compiled = _tvmedge("compile", str(model), *targets, *where, *entry.flags())
        if compiled.document is None:
            return row | {"refused": compiled.sentence.replace(str(model), model.name)}
        row["import_seconds"] = compiled.document["import_seconds"]
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
    return row


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
        root = Path(__file__).resolve().parents[1]
        subprocess.run(command, cwd=root, check=True, capture_output=True)
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


def _markdown(report: dict[str, Any]) -> str:
    measured_on = report["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in measured_on["packages"].items())
    lines = [
        "# Models through tvmedge",
        "",
        f"`{report['command']}` on {measured_on['cpu']}, Python {measured_on['python']}, "
        f"{measured_on['qemu']}; {versions}.",
        "Errors are max-normalised against onnxruntime; the Pi is emulated.",
        "",
        "| model | import s | compile s host / Pi | bundle MB (code, weights) host "
        "| bundle MB (code, weights) Pi | error host | error Pi |",
        "|---|---|---|---|---|---|---|",
        *map(_line, report["models"]),
        "",
        f"Start-up in ms, median of {_REPEATS} fresh processes (min to max):",
        "",
        *(
            f"- {name}: {value['median']:.0f} ({value['min']:.0f} to {value['max']:.0f})"
            for name, value in report["start_up_ms"].items()
        ),
        "",
        f"The wheel has {report['wheel_bytes'] / 1e3:.0f} KB, the board folder "
        f"{report['board']['folder']['bytes'] / 1e6:.2f} MB "
        f"({report['board']['folder --extra']['bytes'] / 1e6:.2f} with the sorting library).",
        "",
        "| board server | start to first line ms | session through the relay ms | small call us |",
        "|---|---|---|---|",
        *(
            f"| {name} | {server['start_ms']} | {server['session_through_relay_ms']} "
            f"| {server['call_through_relay_us']} |"
            for name, server in report["board"]["servers"].items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any]) -> str:
    if "refused" in row:
        return f"| {row['name']} | refused: {row['refused']} | | | | | |"
    by = row["targets"]
    cells: Iterable[str] = (
        row["name"],
        f"{row['import_seconds']:.1f}",
        " / ".join(f"{by[t]['compile_seconds']:.1f}" for t in _TARGETS),
        *(_sizes(by[t]) for t in _TARGETS),
        *(_error(by[t]["check"]) for t in _TARGETS),
    )
    return f"| {' | '.join(cells)} |"


def _sizes(target: dict[str, Any]) -> str:
    code, weights = target["code_bytes"], target["weights_bytes"]
    return f"{target['bundle_bytes'] / 1e6:.2f} ({code / 1e6:.2f}, {weights / 1e6:.2f})"


def _error(check: dict[str, Any] | str) -> str:
    if isinstance(check, str):
        return f"**{check}**"
    error = "inf" if check["error"] is None else f"{check['error']:.1e}"
    return error if check["ok"] else f"**{error}**"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
