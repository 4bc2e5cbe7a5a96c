"""Cycles of the hot loops of our kernels on ARM cores, as llvm-mca expects them.

``python scripts/arm_mca.py [MODEL ...]``

A kernel's hot loop is its innermost loop with the most multiply-adds. Writes
scripts/results/arm_mca.json after each model; those not named stay as they are.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import fetch_models, machine, model_list
from scripts.arm.assembly import Assembly, model_assembly
from scripts.arm.loops import Loop, innermost
from scripts.arm.mca import CORES, cycles, peak
from scripts.bench_arm import MODELS
from tvmedge.resources import atomic_path
from tvmedge.targeting import target

RESULTS = Path(__file__).with_name("results") / "arm_mca.json"
# A core that waits in order wants code that was ordered for it; the others share theirs.
TARGETS = dict.fromkeys(CORES, "raspberry-pi-4b") | {"cortex-a53": "raspberry-pi-3b"}
LEAST = 8  # multiply-adds of a loop that is worth a row


def main(arguments: list[str]) -> int:
    """Compile, print a line a kernel, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, help="names in models.toml")
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file")
    options = parser.parse_args(arguments)
    rows: dict[str, Any] = {}
    if options.out.is_file():
        rows = json.loads(options.out.read_text(encoding="utf-8"))["models"]
    peaks = {core: peak(core) for core in CORES}
    for name in options.models:
        rows[name] = _rows(name, peaks)
        for row in rows[name]:
            print(name, json.dumps(row), flush=True)
        report = {"machine": machine.describe(["tvmedge", "apache-tvm"]), "targets": TARGETS}
        report |= {"multiply_adds_a_cycle": peaks, "models": rows}
        with atomic_path(options.out) as temporary:
            temporary.write_text(_text(report), encoding="utf-8")
    print(summary(rows))
    return 0


def _rows(name: str, peaks: dict[str, float]) -> list[dict[str, Any]]:
    entry = model_list.find(name)
    rows = []
    for code in sorted(set(TARGETS.values())):
        assembly = model_assembly(entry, fetch_models.fetch(entry), target(code))
        cores = {core: peak for core, peak in peaks.items() if TARGETS[core] == code}
        rows += [{"target": code} | row for row in _code_rows(assembly, cores)]
    return rows


def _code_rows(assembly: Assembly, peaks: dict[str, float]) -> list[dict[str, Any]]:
    hot: dict[str, Loop] = {}
    for loop in innermost(assembly.text):
        kernel = assembly.kernel(loop.function)
        if kernel and loop.multiply_adds >= LEAST:
            hot[kernel] = max(hot.get(kernel, loop), loop, key=lambda loop: loop.multiply_adds)
    taken = {core: cycles([loop.instructions for loop in hot.values()], core) for core in peaks}
    rows = []
    for at, (kernel, loop) in enumerate(hot.items()):
        choice = assembly.choices.get(kernel)
        shares = {
            core: round(loop.multiply_adds / taken[core][at] / peak, 3)
            for core, peak in peaks.items()
        }
        rows.append(
            {
                "kernel": kernel,
                "rule": choice.rule if choice else None,
                "window": assembly.window(kernel),
                "tile": choice.tile if choice else None,
                "instructions": len(loop.instructions),
                "multiply_adds": loop.multiply_adds,
                "spills": loop.spills,
                "peak": shares,
            }
        )
    return rows


def _text(report: dict[str, Any]) -> str:
    """JSON with a line for each row."""
    models = ",\n".join(
        f'  "{name}": [\n    ' + ",\n    ".join(map(json.dumps, rows)) + "\n  ]"
        for name, rows in report["models"].items()
    )
    head = json.dumps({key: value for key, value in report.items() if key != "models"})
    return f'{head[:-1]}, "models": {{\n{models}\n}}}}\n'


def summary(models: dict[str, Any]) -> str:
    """Shares of the peak over all kernels of a kind: least, median."""
    kinds: dict[tuple[str, str, str], list[float]] = {}
    for row in (row for rows in models.values() for row in rows):
        for core, share in row["peak"].items():
            kinds.setdefault((row["rule"] or "", row["window"] or "", core), []).append(share)
    return "\n".join(
        f"{rule:8} {window:6} {core:12} {len(shares):4} loops, share of the peak "
        f"{min(shares):.2f} (least) {statistics.median(shares):.2f} (median)"
        for (rule, window, core), shares in sorted(kinds.items(), key=str)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
