"""The main job on a real model, through the command line a user has.

Fetches a model, compiles it for this machine and a Raspberry Pi 4, runs both
bundles (the Pi's in an emulated aarch64 process), checks each against
onnxruntime's result and prints sizes, times and errors.

    python scripts/demo.py [NAME of a model in models.toml]
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import fetch_models, model_list
from tvmedge.errors import ExitCode, TvmEdgeError

_MODEL = "opennsfw"
_HOST, _PI = "host", "raspberry-pi-4b"


def main(arguments: list[str]) -> int:
    """Returns the exit code of the first verb that fails, else 0."""
    try:
        entry = model_list.find(arguments[0] if arguments else _MODEL)
        model = fetch_models.fetch(entry)
        print(f"{entry.name}: {entry.summary} ({model_list.licence(entry)})\n{model}\n")
        with tempfile.TemporaryDirectory(prefix="tvmedge-demo-") as folder:
            _demo(entry, model, Path(folder))
    except subprocess.CalledProcessError as error:
        return error.returncode
    except TvmEdgeError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return int(ExitCode.OK)


def _demo(entry: model_list.ModelEntry, model: Path, folder: Path) -> None:
    targets = ["-t", _HOST, "-t", _PI]
    compiled = _tvmedge("compile", str(model), *targets, "-o", str(folder), *entry.flags())
    rows = []
    for bundle in compiled["bundles"]:
        emulated = bundle["target"] == _PI and platform.machine() != "aarch64"
        if emulated and shutil.which("qemu-aarch64") is None:
            rows.append(f"{_PI:16} not run: qemu-aarch64 is missing ('apt-get install qemu-user').")
            continue
        where = ["--board", "emulated", "--repetitions", "3"] if emulated else []
        # A profile checks what it times, against the reference in the bundle.
        rows.append(_row(bundle, _tvmedge("profile", bundle["path"], *where)))
    print("", *rows, sep="\n")


def _row(bundle: dict[str, Any], profile: dict[str, Any]) -> str:
    files, check = bundle["files"], profile["check"]
    return (
        f"{bundle['target']:16} compiled in {bundle['seconds']:.1f} s, bundle "
        f"{_mb(bundle['bytes'])} (code {_mb(files['code/model.so'])}, weights "
        f"{_mb(files['weights.safetensors'])}); error {check['error']:.1e} against "
        f"{check['reference']}; {profile['latency']['p50_ms']:.1f} ms a run"
        f"{' in the emulator, which says nothing of a real Pi' if profile['emulated'] else ''}"
    )


def _tvmedge(*arguments: str) -> dict[str, Any]:
    """The JSON document of one verb; its messages for people go to stderr."""
    command = [str(Path(sys.executable).with_name("tvmedge")), *arguments, "--json"]
    print(f"$ tvmedge {' '.join(arguments)}", flush=True)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f} MB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
