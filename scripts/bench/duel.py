"""Contestants side by side on one model: loaded each in a process, timed in turns."""

from __future__ import annotations

import contextlib
import json
import signal
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from scripts.bench.contestants import CONTESTANTS
from scripts.bench.contestants.base import Array
from scripts.bench.forms import Form
from tvmedge.model.load import load
from tvmedge.model.tolerance import tolerance
from tvmedge.tensors import max_normalised_error

_ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "onnxruntime"
_WORST_ERROR = 1e-3  # more and a contestant did not compute the model


def worst_error(model: Path) -> float:
    """What a contestant may be off by: more where the precision of ``model`` allows more."""
    return max(_WORST_ERROR, tolerance(load(model)))


@dataclass(frozen=True)
class Pace:
    """``rounds``, of which the first warms up, of ``round_ms`` or one run a contestant; who has
    been timed for ``enough_ms`` needs no more."""

    rounds: int = 7
    round_ms: float = 250.0
    enough_ms: float = 3000.0
    first_s: float | None = None
    """Seconds to the first results, after which a contestant is out."""


@dataclass
class Entrant:
    """A contestant's process and what it has shown so far; ``failed`` says why it is out."""

    name: str
    process: subprocess.Popen[str]
    words: IO[str]
    run_ms: float = 0.0
    cold_ms: float = 0.0
    rss_kib: int = 0
    error: float = 0.0
    failed: str = ""
    outputs: list[Array] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def start(self, seconds: float | None = None) -> None:
        """Wait for the first results, so long at most."""
        waiting = threading.Timer(seconds or threading.TIMEOUT_MAX, self.process.kill)
        waiting.start()
        try:
            ready = self._answer()
        except ChildProcessError as error:
            late = self.process.returncode == -signal.SIGKILL
            self.failed = f"no result within {seconds:g} s" if seconds and late else str(error)
            return
        finally:
            waiting.cancel()
        self.run_ms, self.cold_ms = ready["run_ms"], ready["cold_ms"]
        self.rss_kib = ready["rss_kib"]
        self.outputs = list(np.load(ready["outputs"]).values())

    def time(self, repetitions: int) -> list[float]:
        """Milliseconds of so many runs."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{repetitions}\n")
        self.process.stdin.flush()
        times: list[float] = self._answer()
        return times

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        if answer := self.process.stdout.readline():
            return json.loads(answer)
        self.words.seek(0)
        last = self.words.read().strip().splitlines()[-1:]
        status = self.process.wait()
        raise ChildProcessError(f"{last[0]}" if last and status == 1 else f"it ended with {status}")

    def row(self) -> dict[str, Any]:
        """What the result file holds."""
        if self.failed:
            return {"failed": self.failed}
        ordered = sorted(self.times)
        return {
            "min_ms": round(ordered[0], 4),
            "median_ms": round(statistics.median(ordered), 4),
            "p10_ms": round(ordered[len(ordered) // 10], 4),
            "p90_ms": round(ordered[len(ordered) * 9 // 10], 4),
            "runs": len(ordered),
            "cold_ms": round(self.cold_ms, 2),
            "rss_kib": self.rss_kib,
            "error": self.error,
        }


def duel(
    forms: Mapping[str, Form],
    inputs: Path,
    threads: int,
    pace: Pace | None = None,
    allowed: float = _WORST_ERROR,
) -> dict[str, Any]:
    """A row for each contestant with a form; outputs that are off from onnxruntime's by more than
    ``allowed`` are wrong."""
    pace = pace or Pace()
    with contextlib.ExitStack() as stack:
        entrants = {}
        for name, form in forms.items():
            if form.path is not None:
                # One after the other: a cold start is timed while nobody else works.
                entrants[name] = stack.enter_context(_entrant(name, form.path, inputs, threads))
                entrants[name].start(pace.first_s)
        reference = entrants[REFERENCE]
        for entrant in entrants.values():
            if reference.failed:
                entrant.failed = entrant.failed or f"not checked: {REFERENCE} gives no result"
            elif not entrant.failed:
                entrant.error = error_of(entrant.outputs, reference.outputs)
                if not entrant.error <= allowed:
                    entrant.failed = f"wrong: its error is {entrant.error:.1e}"
        race([entrant for entrant in entrants.values() if not entrant.failed], pace)
        return {name: entrant.row() for name, entrant in entrants.items()}


@contextlib.contextmanager
def _entrant(name: str, form: Path, inputs: Path, threads: int) -> Iterator[Entrant]:
    python = str(CONTESTANTS[name].runs_in.python())
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as words,
        subprocess.Popen(
            [python, "-m", "scripts.bench.child", name, str(form), str(inputs), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            cwd=_ROOT,
        ) as process,
    ):
        try:
            yield Entrant(name, process, words)
        finally:
            process.kill()


def error_of(outputs: Sequence[Array], reference: Sequence[Array]) -> float:
    """The largest max-normalised error of all outputs.

    Converters lose names, order and axes of one element: each reference is compared
    with the output of its size that comes nearest.
    """
    left, worst = list(outputs), 0.0
    for wanted in reference:
        errors = [_nearest(output, wanted) for output in left]
        if not errors or len(outputs) != len(reference):
            return float("inf")
        best = int(np.argmin(errors))
        worst = max(worst, errors[best])
        del left[best]
    return worst


def _nearest(output: Array, wanted: Array) -> float:
    if output.size != wanted.size:
        return float("inf")
    views = [output]
    if output.shape != wanted.shape and output.ndim > 2:
        views.append(np.moveaxis(output, -1, 1))
    fitting = [view.reshape(wanted.shape).astype(wanted.dtype) for view in views]
    return min(float(max_normalised_error(view, wanted)) for view in fitting)


def race(entrants: Sequence[Entrant], pace: Pace) -> None:
    """Rounds in turn, so that what else the machine does strikes all alike."""
    for number in range(pace.rounds):
        for entrant in entrants:
            if number > 1 and sum(entrant.times) > pace.enough_ms:
                continue
            repetitions = max(1, int(pace.round_ms / entrant.run_ms))
            times = entrant.time(repetitions)
            if number:  # the first round warms up
                entrant.times += times
