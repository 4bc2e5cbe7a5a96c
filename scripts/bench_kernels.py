"""Single convolutions against what the core can do, measured in the same run.

``python scripts/bench_kernels.py [--core avx512|avx2 ...] [--kind 1x1 ...] [--out FILE.json]``

The peak is a loop of multiply-adds in registers; the limit of a layer is that, or
reading and writing its data once from the caches, whichever takes longer. Kernel, peak and
caches are measured in turns, each share at one moment. Every layer is checked against float64.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["TVM_NUM_THREADS"] = "1"  # before TVM starts its threads

import tvm

from scripts import machine
from scripts.bench import results
from scripts.bench.kernels.cases import CASES, DEPTHWISE, FIRST, POINTWISE, SQUARE, Case
from scripts.bench.kernels.limits import Limits
from scripts.bench.kernels.measure import Machine, measure
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of

_OUT = Path(__file__).with_name("results") / "bench_kernels.json"
_WORST_ERROR = {"winograd": 5e-5}
_DIRECT_ERROR = 1e-5


def main(arguments: list[str]) -> int:
    """Measure, print a line a layer, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--core", action="append", choices=("avx512", "avx2"))
    parser.add_argument("--kind", action="append", choices=(POINTWISE, SQUARE, FIRST, DEPTHWISE))
    parser.add_argument("--out", type=Path, default=None, help=f"result file, such as {_OUT.name}")
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    rows: list[dict[str, Any]] = []
    for name, (cpu, levels) in _machines().items():
        if options.core and name not in options.core:
            continue
        limits = Limits(cpu.core.lanes, levels)
        for case in CASES:
            if not options.kind or case.kind in options.kind:
                rows.append({"core": name, **_row(case, cpu, limits)})
                print(_line(rows[-1]), flush=True)
    if options.out:
        report = {"machine": machine.describe(["tvmedge", "apache-tvm"]), "kernels": rows}
        results.write(options.out, report)
    return 0


def _machines() -> dict[str, tuple[Machine, str]]:
    """This machine, and the same with vectors of 256 bits, each with zig's name of its CPU."""
    spec = target("host")
    wide, plain = core_of(spec), dict(spec.tvm) | {"mcpu": "x86-64-v3"}
    narrow = replace(wide, lanes=8, registers=16, memory_operand=False)
    plain.pop("mattr", None)
    machines = {"avx2": (Machine(narrow, tvm.target.Target(plain)), "x86_64_v3")}
    if wide.lanes == 16:
        own = Machine(wide, tvm.target.Target(dict(spec.tvm)))
        machines = {"avx512": (own, "x86_64_v4"), **machines}
    return machines


def _row(case: Case, cpu: Machine, limits: Limits) -> dict[str, Any]:
    timing = measure(case, cpu, limits)
    allowed = _WORST_ERROR.get(timing.rule, _DIRECT_ERROR)
    return {
        "kind": case.kind,
        "layer": case.name,
        "rule": timing.rule,
        "tile": timing.tile,
        "ms": round(timing.ms, 4),
        "median_ms": round(timing.median_ms, 4),
        "gflops": round(case.flops / timing.ms / 1e6, 1),
        "peak_gflops": round(timing.peak / 1e9, 1),
        "of_peak": round(timing.of_peak, 3),
        "of_limit": round(timing.of_limit, 3),
        "error": timing.error,
        "right": timing.error <= allowed,
    }


def _line(row: dict[str, Any]) -> str:
    wrong = "" if row["right"] else "  WRONG"
    return (
        f"{row['core']:7} {row['kind']:10} {row['layer']:32} {row['ms']:8.3f} ms "
        f"{row['gflops']:7.1f} of {row['peak_gflops']:.1f} GFLOP/s {row['of_peak']:6.1%} of peak, "
        f"{row['of_limit']:6.1%} of limit, error {row['error']:.0e}  {row['rule']} {row['tile']}"
        f"{wrong}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
