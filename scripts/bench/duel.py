"""Contestants side by side on one model: loaded each in a process, timed in turns."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvmedge.tensors import max_normalised_error

ROUNDS = 7
ROUND_MS = 400.0
WORST_ERROR = 1e-3  # more and a contestant did not compute the model


@dataclass
class Entrant:
    """A contestant's process and what it has shown so far; ``failed`` says why it is out."""

    name: str
    process: subprocess.Popen[str]
    cold_ms: float = 0.0
    rss_kib: int = 0
    error: float = 0.0
    failed: str = ""
    times: list[float] = field(default_factory=list)

    def ask(self, line: str | None = None) -> Any:
        """Send a line, if any, and read the answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        if line is not None:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            assert self.process.stderr is not None
            last = self.process.stderr.read().strip().splitlines()[-1:]
            raise ChildProcessError(last[0] if last else "it ended without a word")
        return json.loads(answer)

    def row(self) -> dict[str, Any]:
        """What the result file holds."""
        if self.failed:
            return {"failed": self.failed}
        ordered = sorted(self.times)
        return {
            "median_ms": statistics.median(ordered),
            "p10_ms": ordered[len(ordered) // 10],
            "p90_ms": ordered[len(ordered) * 9 // 10],
            "runs": len(ordered),
            "cold_ms": self.cold_ms,
            "rss_kib": self.rss_kib,
            "error": self.error,
        }


def duel(
    names: tuple[str, ...], model: Path, bundle: Path, inputs: Path, threads: int
) -> dict[str, Any]:
    """A row for each contestant; outputs are compared with onnxruntime's."""
    with contextlib.ExitStack() as stack:
        entrants = [
            stack.enter_context(_entrant(name, model, bundle, inputs, threads)) for name in names
        ]
        results = {e.name: result for e in entrants if (result := _start(e))}
        reference = results["onnxruntime"]
        for entrant in entrants:
            if entrant.name in results:
                entrant.error = _error(results[entrant.name], reference)
                if not entrant.error <= WORST_ERROR:
                    entrant.failed = f"wrong: its error is {entrant.error:.1e}"
        _race([entrant for entrant in entrants if not entrant.failed])
        return {entrant.name: entrant.row() for entrant in entrants}


@contextlib.contextmanager
def _entrant(name: str, model: Path, bundle: Path, inputs: Path, threads: int) -> Iterator[Entrant]:
    command = [sys.executable, "-m", "scripts.bench.child", name]
    with subprocess.Popen(
        [*command, str(model), str(bundle), str(inputs), str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Entrant(name, process)
        finally:
            process.kill()


def _start(entrant: Entrant) -> Mapping[str, NDArray[Any]] | None:
    try:
        ready = entrant.ask()
    except ChildProcessError as error:
        entrant.failed = str(error)
        return None
    entrant.cold_ms, entrant.rss_kib = ready["cold_ms"], ready["rss_kib"]
    return dict(np.load(ready["outputs"]))


def _error(outputs: Mapping[str, NDArray[Any]], reference: Mapping[str, NDArray[Any]]) -> float:
    if set(outputs) != set(reference):
        return float("inf")
    return max(max_normalised_error(outputs[name], array) for name, array in reference.items())


def _race(entrants: list[Entrant]) -> None:
    """Rounds in turn, so that what else the machine does strikes all alike."""
    slowest = {e.name: statistics.median(e.ask("3")) for e in entrants}
    for number in range(ROUNDS):
        for entrant in entrants:
            repetitions = max(2, int(ROUND_MS / slowest[entrant.name]))
            times = entrant.ask(str(repetitions))
            if number:  # the first round warms up
                entrant.times += times
