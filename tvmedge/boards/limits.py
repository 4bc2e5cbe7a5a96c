"""What a session on a board may use; see ``device/session/options.c``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from tvmedge.errors import InputError

MOST = 1_000_000


@dataclass(frozen=True)
class SessionLimits:
    """None leaves the session program's own: no limit, but where another is named."""

    memory_mb: int | None = None
    "MiB that all processes of a session may use together."
    cpu_seconds: int | None = None
    "Seconds of CPU time of each process of a session."
    wall_seconds: int | None = None
    "Seconds from a session's start to its end."
    disk_mb: int | None = None
    "MiB in a session's private folder; 1024 where not given."
    files: int | None = None
    "Files that a process of a session has open at a time; 256 where not given."
    processes: int | None = None
    "Processes and threads of a session at a time; 512 where not given."
    silence_seconds: int | None = None
    "Seconds between two signs of life from the host; 30 where not given."

    def require_sensible(self) -> None:
        """Raises InputError for a limit that is none."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 1 <= value <= MOST:
                name = field.name.replace("_", "-")
                raise InputError(f"--limit.{name} {value}: give a whole number from 1 to {MOST}.")

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
