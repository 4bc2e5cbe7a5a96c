"""One contestant in a process: ``python -m scripts.bench.child NAME FORM INPUTS THREADS``

Says ``{"cold_ms", "rss_kib", "run_ms", "outputs"}`` when its first results are there (the outputs
as a .npz beside INPUTS), then answers each line N of stdin with N times in ms.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from scripts.bench.contestants import CONTESTANTS
from scripts.bench.contestants.base import Array, Contestant, RefusedError
from scripts.bench.memory import peak_kib, restarted_peak_kib

_SLOW_MS = 2000.0  # upstream's loops take seconds


def main(name: str, form: str, inputs: str, threads: str) -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a runtime prints is no answer
    # The last cores: the first takes interrupts, and parents wait there.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(threads) :])
    contestant = CONTESTANTS[name](int(threads))
    # Some runtimes share memory with what they are given, and want rows in order.
    tensors = {key: np.array(array, order="C") for key, array in np.load(inputs).items()}
    contestant.prepare()
    try:
        ready = _first_results(contestant, Path(form), tensors)
    except RefusedError as error:
        sys.exit(str(error))
    path = str(Path(inputs).with_name(f"{name}.npz"))
    outputs = {str(i): np.array(x) for i, x in enumerate(contestant.run())}
    np.savez(path, allow_pickle=False, **outputs)
    print(json.dumps(ready | {"outputs": path}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(contestant.time(int(line))), file=answers, flush=True)


def _first_results(
    contestant: Contestant, form: Path, tensors: dict[str, Array]
) -> dict[str, float]:
    before = restarted_peak_kib()
    started = time.perf_counter()
    contestant.load(form, tensors)
    contestant.run()
    cold_ms = (time.perf_counter() - started) * 1e3
    run_ms = min(contestant.time(2 if cold_ms < _SLOW_MS else 1))
    return {"cold_ms": cold_ms, "rss_kib": peak_kib() - before, "run_ms": run_ms}


if __name__ == "__main__":
    main(*sys.argv[1:])
