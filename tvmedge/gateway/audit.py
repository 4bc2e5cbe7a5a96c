"""The log of who had what, when, and why it ended: one JSON object a line, on disk at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path

import msgspec

from tvmedge.resources import disk_errors

_log = logging.getLogger(__name__)

FILE = "audit.jsonl"
KEPT = 5
_REFUSALS_A_SECOND = 20


class Event(str, Enum):
    """What happened."""

    STARTED = "started"
    STOPPED = "stopped"
    REFUSED = "refused"
    QUEUED = "queued"
    LEFT = "left"
    GRANTED = "granted"
    ATTACHED = "attached"
    ENDED = "ended"
    EVICTED = "evicted"
    READMITTED = "readmitted"


class Audit:
    """Appends to ``audit.jsonl``; beyond ``limit`` bytes that becomes ``audit.jsonl.1``, of which
    the last five are kept."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._path = folder / FILE
        self._limit = limit
        # One thread: lines keep their order, and nobody waits for the disk.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._second = (0, 0)
        self._unlisted = 0

    def record(self, event: Event, **what: str | int | float) -> None:
        """Log an event; strangers' refusals are counted where they are too many to list."""
        if event is Event.REFUSED and "client" not in what:
            now = int(time.monotonic())
            count = self._second[1] + 1 if self._second[0] == now else 1
            self._second = (now, count)
            if count > _REFUSALS_A_SECOND:
                self._unlisted += 1
                return
            if self._unlisted:
                what["more_before"], self._unlisted = self._unlisted, 0
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = msgspec.json.encode({"at": at, "event": event.value, **what}) + b"\n"
        self._writer.submit(self._append, line).add_done_callback(_complain)

    async def close(self) -> None:
        """All that was recorded is on disk."""
        await asyncio.get_running_loop().run_in_executor(None, self._writer.shutdown)

    def _append(self, line: bytes) -> None:
        with disk_errors(self._path):
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_size + len(line) > self._limit:
                    self._rotate()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            file = os.open(self._path, flags, 0o600)
            try:
                os.write(file, line)
                os.fsync(file)
            finally:
                os.close(file)

    def _rotate(self) -> None:
        for number in range(KEPT - 1, 0, -1):
            older = self._path.with_name(f"{FILE}.{number}")
            with contextlib.suppress(FileNotFoundError):
                older.replace(self._path.with_name(f"{FILE}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{FILE}.1"))


def _complain(done: Future[None]) -> None:
    """A line that could not be written is not lost in silence."""
    if (error := done.exception()) is not None:
        _log.error("a line of the audit log is lost: %s", error)
