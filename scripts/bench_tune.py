"""What searches find on single kernels, by trials and by time: ours, random, MetaSchedule.

``python scripts/bench_tune.py [--kernel 3x3 ...] [--by ours ...] [--trials N] [--seed S ...]``

Searches that the result file has with as many trials are left out, so it can be stopped and run
again. MetaSchedule is TVM's, its workers repaired (tvmedge/tuning/stock.py); its winners are
measured by our timer, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import machine
from scripts.bench import results
from scripts.bench.tuning.contestants import OURS, RANDOM, STOCK, search
from scripts.bench.tuning.hot_kernels import KERNELS, task
from tvmedge.targeting import target
from tvmedge.tuning.costs.wall_time import WallTime

_OUT = Path(__file__).with_name("results") / "bench_tune.json"


def main(arguments: list[str]) -> int:
    """Search, print a line a search, keep the result file up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", action="append", choices=tuple(KERNELS))
    parser.add_argument("--by", action="append", choices=(OURS, RANDOM, STOCK))
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--out", type=Path, default=_OUT)
    options = parser.parse_args(arguments)
    report: dict[str, Any] = (
        json.loads(options.out.read_text()) if options.out.exists() else {"searches": {}}
    )
    report["machine"] = machine.describe(["tvmedge", "apache-tvm", "xgboost"])
    spec = target("host")
    for seed in options.seed or (0,):
        for contestant in options.by or (OURS, RANDOM, STOCK):
            for kernel in options.kernel or KERNELS:
                name = f"{kernel} {contestant} {seed}"
                before = report["searches"].get(name)
                if before is None or before["trials"] < options.trials:
                    found = search(
                        contestant, task(kernel, spec, WallTime.name), spec, options.trials, seed
                    )
                    if not found.checkpoints:
                        print(f"{name}: nothing was measured, left out", flush=True)
                        continue
                    report["searches"][name] = {"trials": options.trials, **asdict(found)}
                    results.write(options.out, report)
                print(_line(name, report["searches"][name]), flush=True)
    return 0


def _line(name: str, found: dict[str, Any]) -> str:
    costs = ", ".join(f"{n}: {cost * 1e6:.2f}" for n, cost in found["checkpoints"].items())
    return f"{name}: us after trials {costs}; {_rate(found['seconds']):.2f} trials/s once warm"


def _rate(seconds: list[float]) -> float:
    """Trials a second after the first batch, whose trials are known within a second."""
    later = [when for when in seconds if when > seconds[0] + 1]
    return len(later) / (later[-1] - seconds[0]) if later else 0.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
