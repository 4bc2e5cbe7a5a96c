"""What a result file says of the machine that it was measured on."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any


def describe(packages: Iterable[str]) -> dict[str, Any]:
    """The CPU, Python's version and those of ``packages``."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    names = [line.partition(": ")[2] for line in text.splitlines() if "model name" in line]
    return {
        "cpu": f"{len(names)} x {names[0]}" if names else "?",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
    }
