"""How long a model takes from its file to Relax, and whose code that time is spent in.

A clock that ticks every few milliseconds looks where the process is: the time
since the last tick belongs to the package of the innermost function that is
tvmedge's or one of the libraries' below. What a library computes for itself
counts as its own, wherever it was called from; numpy and the standard library
count as their caller's. Importing the packages themselves is not counted.

    python scripts/import_times.py MODEL [--input=... ...]      prints JSON
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tvmedge.model.importer import import_prepared
from tvmedge.model.inputs import parse_inputs
from tvmedge.model.load import load
from tvmedge.model.prepare import prepare
from tvmedge.model.prepare.bind_values import bind_values

OURS = "tvmedge"
_PACKAGES = {OURS, "onnx", "onnx_ir", "onnxscript", "tvm", "tvm_ffi"}
_TICK_S = 0.002

T = TypeVar("T")


class Clock:
    """Processor time by package and wall time by stage, while it is entered."""

    def __init__(self) -> None:
        self.packages: Counter[str] = Counter()
        self.stages: dict[str, float] = {}
        self._last = 0.0
        self._names: dict[str, str | None] = {}

    def __enter__(self) -> Clock:
        self._last = time.process_time()
        signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_REAL, _TICK_S, _TICK_S)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def stage(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        """Call ``function``; its seconds are those of stage ``name``."""
        started = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            self.stages[name] = round(time.perf_counter() - started, 4)

    def _tick(self, _: int, frame: FrameType | None) -> None:
        now = time.process_time()
        self.packages[self._owner(frame)] += now - self._last  # type: ignore[assignment]
        self._last = now

    def _owner(self, frame: FrameType | None) -> str:
        while frame is not None:
            path = frame.f_code.co_filename
            if path not in self._names:
                parts = reversed(Path(path).parts)
                self._names[path] = next((part for part in parts if part in _PACKAGES), None)
            if name := self._names[path]:
                return name
            frame = frame.f_back
        return "other"


def measure(model: Path, flags: list[str]) -> dict[str, Any]:
    """Seconds of each stage, and the share of the processor time of each package."""
    given = parse_inputs(flags)
    with Clock() as clock:
        loaded = bind_values(clock.stage("load", load, model), given.values)
        prepared = clock.stage("prepare", prepare, loaded, given.shapes)
        clock.stage("import", import_prepared, loaded, prepared)
    total = sum(clock.packages.values()) or 1.0
    return {
        "seconds": round(sum(clock.stages.values()), 3),
        "stages": clock.stages,
        "shares": {name: round(part / total, 3) for name, part in clock.packages.most_common()},
    }


def main(arguments: list[str]) -> int:
    flags = [argument.removeprefix("--input=") for argument in arguments[1:]]
    print(json.dumps(measure(Path(arguments[0]), flags)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
