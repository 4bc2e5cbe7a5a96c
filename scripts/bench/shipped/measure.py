"""First results of runtimes, each in fresh processes that take turns."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.duel import REFERENCE, error_of
from scripts.bench.forms import Form
from scripts.bench.shipped.runtimes import RUNTIMES

_ROOT = Path(__file__).resolve().parents[3]
STARTS = 3
"""Of each runtime; the quickest counts, and the median of memory."""


def first_results(forms: Mapping[str, Form], inputs: Path, allowed: float) -> dict[str, Any]:
    """A row for each runtime of ``RUNTIMES`` that has a form of the model; outputs that are off
    from onnxruntime's by more than ``allowed`` are wrong."""
    rows: dict[str, Any] = {
        name: {"failed": form.failed} for name, form in forms.items() if form.failed
    }
    answers: dict[str, list[dict[str, Any]]] = {}
    outputs: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory(prefix="tvmedge-first-") as folder:
        for _ in range(STARTS):
            for name in (name for name in forms if name not in rows):
                results = Path(folder) / f"{name}.npz"
                try:
                    answer = _first_result(name, forms[name], inputs, results)
                except ChildProcessError as error:
                    rows[name] = {"failed": str(error)}
                    continue
                answers.setdefault(name, []).append(answer)
                outputs[name] = list(np.load(results).values())
    for name in (name for name in answers if name not in rows):
        off = error_of(outputs[name], outputs[REFERENCE])
        rows[name] = _row(answers[name], off, allowed)
    return rows


def _first_result(name: str, form: Form, inputs: Path, outputs: Path) -> dict[str, Any]:
    python = str(RUNTIMES[name].runs_in.python())
    module = "scripts.bench.shipped.child"
    done = subprocess.run(
        [python, "-m", module, name, str(form.path), str(inputs), str(outputs)],
        capture_output=True,
        text=True,
        check=False,
        cwd=_ROOT,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise ChildProcessError(last[0])
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _row(answers: list[dict[str, Any]], error: float, allowed: float) -> dict[str, Any]:
    if not error <= allowed:
        return {"failed": f"wrong: its error is {error:.1e}"}
    return {
        "cold_ms": round(min(answer["cold_ms"] for answer in answers), 2),
        "check_ms": round(min(answer["check_ms"] for answer in answers), 2),
        "rss_kib": int(statistics.median(answer["rss_kib"] for answer in answers)),
        "bytes": sum(answers[0]["libraries"].values()),
        "libraries": answers[0]["libraries"],
        "error": error,
    }
