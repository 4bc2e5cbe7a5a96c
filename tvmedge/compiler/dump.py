"""``--dump-ir``: the module after every phase, as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tvmedge.resources import disk_errors


@dataclass(frozen=True)
class IrDump:
    """Writes ``<folder>/<NN>-<phase>.py``, numbered in the order of the phases."""

    folder: Path
    _numbers: Any = field(default_factory=count, repr=False)

    def write(self, phase: str, module: Any) -> None:
        """Write the TVMScript of ``module``; large constants are elided by TVM."""
        path = self.folder / f"{next(self._numbers):02d}-{phase}.py"
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(module.script(), encoding="utf-8")
