"""One contestant in a process: ``python -m scripts.bench.child NAME MODEL BUNDLE INPUTS THREADS``

Says ``{"cold_ms", "rss_kib", "outputs"}`` when its first result is there (the outputs
as a .npz beside INPUTS), then answers each line N of stdin with N times in ms.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from scripts.bench.contestants import CONTESTANTS


def main(name: str, model: str, bundle: str, inputs: str, threads: str) -> None:
    """Serve until stdin ends."""
    contestant = CONTESTANTS[name](int(threads))
    tensors = dict(np.load(inputs))
    contestant.prepare()
    before = _peak_kib()
    started = time.perf_counter()
    contestant.load(Path(model), Path(bundle), tensors)
    outputs = contestant.run()
    cold_ms = (time.perf_counter() - started) * 1e3
    path = str(Path(inputs).with_name(f"{name}.npz"))
    np.savez(path, allow_pickle=False, **{key: np.array(value) for key, value in outputs.items()})
    contestant.time(3)
    _say({"cold_ms": cold_ms, "rss_kib": _peak_kib() - before, "outputs": path})
    for line in sys.stdin:
        _say(contestant.time(int(line)))


def _peak_kib() -> int:
    """The most memory that this process has held (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def _say(message: object) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
