"""One first result: ``python -m scripts.bench.shipped.child NAME FORM INPUTS OUTPUTS``

Before it, Python and NumPy are loaded and nothing of the runtime is; all that happens until the
outputs are NumPy's counts. Says ``{"cold_ms", "check_ms", "rss_kib", "libraries"}``: checking the
weights of a library of ours takes ``check_ms`` more; ``libraries`` are the shared ones in use that
are not Python's, NumPy's or the system's, with their bytes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from scripts.bench.contestants.base import RefusedError
from scripts.bench.contestants.sdk import TvmEdgeSdk
from scripts.bench.memory import peak_kib, restarted_peak_kib
from scripts.bench.shipped.runtimes import RUNTIMES

_SYSTEM = ("/lib/", "/lib64/", "/usr/")


def main(name: str, form: str, inputs: str, outputs: str) -> None:
    """Load, run once, answer."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    tensors = {key: np.array(array, order="C") for key, array in np.load(inputs).items()}
    runtime = RUNTIMES[name](1)
    loaded = _libraries()
    before = restarted_peak_kib()
    started = time.perf_counter()
    try:
        runtime.prepare()
        runtime.load(Path(form), tensors)
        results = [np.array(x) for x in runtime.run()]
    except RefusedError as error:
        sys.exit(str(error))
    cold_ms = (time.perf_counter() - started) * 1e3
    rss_kib = peak_kib() - before
    shipped = {path.name: path.stat().st_size for path in sorted(_libraries() - loaded)}
    check_ms = 0.0
    if isinstance(runtime, TvmEdgeSdk):
        started = time.perf_counter()
        runtime.check()
        check_ms = (time.perf_counter() - started) * 1e3
    np.savez(outputs, allow_pickle=False, **{str(i): x for i, x in enumerate(results)})
    answer = {"cold_ms": cold_ms, "check_ms": check_ms, "rss_kib": rss_kib, "libraries": shipped}
    print(json.dumps(answer), file=answers)


def _libraries() -> set[Path]:
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    names = {line.split(maxsplit=5)[5] for line in lines if ".so" in line}
    ours = {name for name in names if "/numpy" not in name and not name.startswith(_SYSTEM)}
    return {Path(name) for name in ours}


if __name__ == "__main__":
    main(*sys.argv[1:])
