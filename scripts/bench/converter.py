"""A conversion in a process: ``python -m scripts.bench.converter NAME FOLDER`` with a
``Source`` as JSON on stdin; says ``{"form", "seconds"}`` or ``{"failed"}``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from scripts.bench.contestants import CONTESTANTS
from scripts.bench.contestants.base import RefusedError, Source


def main(name: str, folder: str) -> None:
    """Convert and answer."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    given = json.load(sys.stdin)
    paths = {key: Path(given[key]) for key in ("model", "direct", "folded", "inputs")}
    source = Source(name=given["name"], flags=tuple(given["flags"]), **paths)
    started = time.perf_counter()
    try:
        form = CONTESTANTS[name].convert(source, Path(folder))
        answer = {"form": str(form), "seconds": time.perf_counter() - started}
    except Exception as error:
        answer = {"failed": _sentence(error)}
    print(json.dumps(answer), file=answers)


def _sentence(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    if isinstance(error, RefusedError):
        return text
    return f"{type(error).__name__}: {text.splitlines()[-1]}"


if __name__ == "__main__":
    main(*sys.argv[1:])
