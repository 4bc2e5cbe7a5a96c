"""What a session on a board may use; see ``device/session/options.c``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class SessionLimits:
    """None leaves the session program's own: no limit, but for disk (1024), files (256),
    processes (512) and silence (30).

    ``memory_mb`` of all its processes, ``cpu_seconds`` of each, ``wall_seconds`` from start to
    end, ``disk_mb`` of its private folder, ``files`` open at a time, ``processes`` and threads,
    ``silence_seconds`` that its host may take between two signs of life.
    """

    memory_mb: int | None = None
    cpu_seconds: int | None = None
    wall_seconds: int | None = None
    disk_mb: int | None = None
    files: int | None = None
    processes: int | None = None
    silence_seconds: int | None = None

    def arguments(self) -> list[str]:
        """The limits as the session program's options."""
        found = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                found += [f"--{field.name.replace('_', '-')}", str(value)]
        return found


@dataclass(frozen=True)
class SessionPlaces:
    """Folders of this machine that a session sees beside its own: those ``shown`` it cannot write
    to, those ``kept`` outlive it. In ``cache`` lie files that hosts sent, by their hashes; without
    one they send them each time."""

    shown: Sequence[Path] = ()
    kept: Sequence[Path] = ()
    cache: Path | None = None

    def arguments(self) -> list[str]:
        """The places as the session program's options."""
        cache = () if self.cache is None else (self.cache,)
        named = (("--show", self.shown), ("--keep", self.kept), ("--cache", cache))
        return [word for name, places in named for place in places for word in (name, str(place))]
