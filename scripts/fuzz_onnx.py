"""Feed damaged ONNX files to ``inspect`` and ``compile``: no crash, no hang, a sentence each.

python scripts/fuzz_onnx.py --count 2000 --seed 1 --jobs 2
python scripts/fuzz_onnx.py --seed 1 --only 17 --keep FOLDER
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.fuzz.mutants import mutant
from scripts.fuzz.seeds import seeds
from scripts.fuzz.trial import Limits, Trial, attempt, warm_up

VERBS = ("inspect", "compile")
RESULT = Path(__file__).with_name("results") / "fuzz_onnx.json"


def try_mutant(seed: int, index: int, limits: Limits) -> tuple[Trial, ...]:
    """Both verbs on one mutant, in children."""
    from tvmedge.cli import main as command

    content = mutant(seed, index).content
    return tuple(attempt(command, verb, content, limits) for verb in VERBS)


def report(seed: int, trials: Iterable[tuple[int, tuple[Trial, ...]]]) -> dict[str, Any]:
    """Counts by verb and ending, and every fault with what reproduces it."""
    ends: dict[str, Counter[str]] = {verb: Counter() for verb in VERBS}
    slowest: dict[str, tuple[float, int]] = dict.fromkeys(VERBS, (0.0, -1))
    faults = []
    for index, pair in trials:
        for trial in pair:
            ends[trial.verb][trial.fault or ("compiles" if trial.code == 0 else "refused")] += 1
            slowest[trial.verb] = max(slowest[trial.verb], (round(trial.seconds, 1), index))
            if trial.fault:
                how = mutant(seed, index).how
                fault = {"index": index, "how": how, "verb": trial.verb, "fault": trial.fault}
                faults.append(fault | {"stderr": trial.stderr[-1000:]})
    slow = {verb: {"seconds": time_, "index": index} for verb, (time_, index) in slowest.items()}
    return {"endings": ends, "slowest": slow, "faults": faults}


def main() -> int:
    """Run, print the report, write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=Limits.seconds, help="seconds a child")
    parser.add_argument("--only", type=int, help="one mutant, by its index")
    parser.add_argument("--keep", type=Path, help="folder for the mutants that fail")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    limits = Limits(seconds=options.limit)
    warm_up()
    seeds(suite=True)
    started = time.monotonic()
    indices = range(options.count) if options.only is None else [options.only]
    work = [(options.seed, index, limits) for index in indices]
    trials = []
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for index, pair in zip(indices, pool.imap(_star, work, chunksize=1), strict=True):
            trials.append((index, pair))
            for trial in pair:
                if trial.fault:
                    print(index, trial.verb, trial.fault, trial.stderr[:300], flush=True)
            if options.keep and (options.only is not None or any(t.fault for t in pair)):
                options.keep.mkdir(parents=True, exist_ok=True)
                content = mutant(options.seed, index).content
                (options.keep / f"{options.seed}-{index}.onnx").write_bytes(content)
    found = report(options.seed, trials)
    found = {
        "command": f"python scripts/fuzz_onnx.py --count {options.count} --seed {options.seed}",
        "limits": {"seconds": limits.seconds, "memory_bytes": limits.memory},
        "minutes": round((time.monotonic() - started) / 60, 1),
        **found,
    }
    print(json.dumps({key: found[key] for key in ("endings", "slowest", "minutes")}, indent=1))
    if options.only is None:
        options.out.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if found["faults"] else 0


def _star(work: tuple[int, int, Limits]) -> tuple[Trial, ...]:
    return try_mutant(*work)


if __name__ == "__main__":
    sys.exit(main())
