"""What a process has resident over time, as Linux counts it (proc(5))."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import TracebackType

from tvmedge.types import Resident

_EVERY_S = 0.005
_MOST = 2000


class MemoryWatch:
    """Looks at a process of this machine every 5 ms, less often the longer it goes on, as long as
    this context is open."""

    def __init__(self, process: int) -> None:
        self._file = Path(f"/proc/{process}/statm")
        self._page_kib = os.sysconf("SC_PAGESIZE") // 1024
        self._points: list[Resident] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def points(self) -> tuple[Resident, ...]:
        """What was seen so far, at most 2000."""
        return tuple(self._points)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        started, every = time.monotonic(), _EVERY_S
        while not self._over.wait(every):
            try:
                pages = int(self._file.read_text().split()[1])
            except (OSError, ValueError, IndexError):
                return
            if not pages:  # it has ended
                return
            self._points.append(Resident(time.monotonic() - started, pages * self._page_kib))
            if len(self._points) > _MOST:
                self._points, every = self._points[::2], every * 2
