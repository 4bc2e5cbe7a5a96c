"""Our bundles against other runtimes on this machine's CPU, model by model.

``python scripts/bench_cpu.py [MODEL ...] [--threads 1,2] [--out FILE.json]``

Every contestant loads the model in a process of its own and is timed in turns with the
others on the same plausible inputs; a contestant whose outputs differ from
onnxruntime's is out.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from scripts import fetch_models, machine, model_list, model_samples
from scripts.bench.contestants import CONTESTANTS
from scripts.bench.duel import duel
from tvmedge.resources import atomic_path

COMPILE = [sys.executable, "-m", "tvmedge", "compile"]


def main(arguments: list[str]) -> int:
    """Measure, print a table, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in models.toml; all by default")
    parser.add_argument("--threads", default="1", help="numbers of threads, such as 1,2")
    parser.add_argument("--only", default=",".join(CONTESTANTS), help="contestants")
    parser.add_argument("--out", type=Path, default=None, help="result file")
    options = parser.parse_args(arguments)
    names = tuple(options.only.split(","))
    entries = [e for e in model_list.load_list() if not options.models or e.name in options.models]
    rows: list[dict[str, Any]] = []
    for entry in entries:
        for threads in map(int, options.threads.split(",")):
            rows.append(_measure(entry, threads, names))
            print(_line(rows[-1]), flush=True)
    print(_summary(rows))
    if options.out:
        report = {
            "machine": machine.describe([CONTESTANTS[name].package for name in names]),
            "command": " ".join(["scripts/bench_cpu.py", *arguments]),
            "rows": rows,
        }
        with atomic_path(options.out) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def _measure(entry: model_list.ModelEntry, threads: int, names: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tvmedge-bench-") as folder:
        inputs = Path(folder) / "inputs.npz"
        fixed = {
            name: np.asarray(spec.value, spec.dtype)
            for name, spec in entry.inputs.items()
            if spec.value is not None
        }
        np.savez(inputs, allow_pickle=False, **model_samples.plausible(entry), **fixed)
        model = fetch_models.fetch(entry)
        row: dict[str, Any] = {"model": entry.name, "threads": threads}
        compiled = subprocess.run(
            [*COMPILE, str(model), "-t", "host", "-o", folder, "--json", *entry.flags()],
            capture_output=True,
            text=True,
            check=False,
        )
        if compiled.returncode:
            return row | {"refused": compiled.stderr.strip().splitlines()[-1]}
        document = json.loads(compiled.stdout)
        (bundle,) = document["bundles"]
        return row | {
            "import_s": document["import_seconds"],
            "compile_s": bundle["seconds"],
            "bundle_bytes": bundle["bytes"],
            "model_bytes": model.stat().st_size,
            "contestants": duel(names, model, Path(bundle["path"]), inputs, threads),
        }


def _ratio(row: dict[str, Any]) -> float | None:
    """Our median over the best peer's."""
    times = {n: r["median_ms"] for n, r in row.get("contestants", {}).items() if "median_ms" in r}
    ours = times.pop("tvmedge", None)
    return ours / min(times.values()) if ours and times else None


def _line(row: dict[str, Any]) -> str:
    head = f"{row['model']:32} {row['threads']} threads"
    if "refused" in row:
        return f"{head}  refused: {row['refused']}"
    cells = [
        f"{name} {r['failed'][:40]}"
        if "failed" in r
        else f"{name} {r['median_ms']:8.3f} ({r['p10_ms']:.3f}-{r['p90_ms']:.3f})"
        for name, r in row["contestants"].items()
    ]
    ratio = _ratio(row)
    return "  ".join([head, *cells, f"ratio {ratio:.2f}" if ratio else "", f"{row['compile_s']} s"])


def _summary(rows: list[dict[str, Any]]) -> str:
    lines = []
    for threads in sorted({row["threads"] for row in rows}):
        ratios = [r for row in rows if row["threads"] == threads and (r := _ratio(row))]
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            lines.append(
                f"{threads} threads: {len(ratios)} models, geometric mean of ours over the best "
                f"peer's {mean:.3f}, largest {max(ratios):.2f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
