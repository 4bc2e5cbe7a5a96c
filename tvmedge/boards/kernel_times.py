"""How long calls of kernels take: what boards tell of it, and TVM's VM on this machine."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

from tvmedge.errors import BoardError
from tvmedge.types import CallTimes

_ENTRY = struct.Struct("<dH")


def decoded(content: bytes) -> list[tuple[str, float]]:
    """Names of kernels and milliseconds of each call, in the order of their ends.

    Raises:
        BoardError: that is not what ``content`` holds.
    """
    found, at = [], 0
    while at < len(content):
        end = at + _ENTRY.size
        if end > len(content):
            raise BoardError("the board sent the times of half a call")
        milliseconds, length = _ENTRY.unpack_from(content, at)
        at = end + length
        if at > len(content):
            raise BoardError("the board sent the times of half a call")
        found.append((content[end:at].decode(errors="replace"), milliseconds))
    return found


def collected(runs: Iterable[list[tuple[str, float]]]) -> CallTimes:
    """Several runs as one.

    Raises:
        BoardError: runs on the same inputs made different calls.
    """
    names: tuple[str, ...] | None = None
    times: list[tuple[float, ...]] = []
    for run in runs:
        kernels = tuple(name for name, _ in run)
        if names is not None and kernels != names:
            raise BoardError("two runs on the same inputs called different kernels")
        names = kernels
        times.append(tuple(milliseconds for _, milliseconds in run))
    return CallTimes(names or (), tuple(times))


class Stopwatch:
    """What TVM's VM calls before and after each function (its instrument): a call's time is
    without that of calls inside it. ``wait`` returns once a GPU is done."""

    def __init__(self, wait: Callable[[], None] | None) -> None:
        self._wait = wait
        self._open: list[tuple[int, int]] = []
        self._heard: list[tuple[str, float]] = []

    def __call__(self, _function: Any, name: Any, begins: Any, *_others: Any) -> int:
        """Note a call's begin or end; 0 lets the VM go on."""
        if begins:
            self._open.append((time.perf_counter_ns(), 0))
            return 0
        if self._wait is not None:
            self._wait()
        now = time.perf_counter_ns()
        began, inside = self._open.pop()
        if self._open:
            outer, so_far = self._open.pop()
            self._open.append((outer, so_far + now - began))
        self._heard.append((str(name), (now - began - inside) / 1e6))
        return 0

    def taken(self) -> list[tuple[str, float]]:
        """What was heard since this was last asked."""
        heard, self._heard, self._open = self._heard, [], []
        return heard
