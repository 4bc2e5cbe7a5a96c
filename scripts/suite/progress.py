"""Verdicts on disk as they come, so that a run that was cut off can go on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from scripts.suite.judge import Verdict


def read_progress(path: Path | None) -> Iterator[tuple[str, str, Verdict]]:
    """Case, runtime and verdict of every line; nothing where there is no file."""
    if path is None or not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, runtime, fields = json.loads(line)
        yield name, runtime, Verdict(fields["outcome"], fields["reason"], tuple(fields["bound"]))


def add_progress(path: Path | None, name: str, runtime: str, verdict: Verdict) -> None:
    """Append one line."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, runtime, dataclasses.asdict(verdict)]) + "\n")
