"""Two pipe ends, every wait on which is bounded by a deadline."""

from __future__ import annotations

import os
import select
import time

_CHUNK = 1 << 20


class ChannelClosed(Exception):
    """The process at the other end has gone."""


class ChannelTimeout(Exception):
    """The process at the other end did not read or answer in time."""


class Pipes:
    """What another process reads and writes; deadlines are of ``time.monotonic``."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading = reading
        self._writing = writing
        os.set_blocking(writing, False)

    def read(self, size: int, deadline: float | None) -> memoryview:
        """``size`` bytes; without a deadline this waits for ever.

        Raises:
            ChannelClosed: the other end closed before.
            ChannelTimeout: the deadline passed.
        """
        buffer = bytearray(size)
        view, have = memoryview(buffer), 0
        while have < size:
            _wait(self.reading, select.POLLIN, deadline)
            got = os.readv(self.reading, [view[have : have + _CHUNK]])
            if got == 0:
                raise ChannelClosed("the other end closed")
            have += got
        return view

    def write(self, view: memoryview, deadline: float) -> None:
        """All of ``view``.

        Raises:
            ChannelClosed: nobody reads any more.
            ChannelTimeout: the reader did not take all of it in time.
        """
        try:
            while view:
                _wait(self._writing, select.POLLOUT, deadline)
                view = view[os.write(self._writing, view[:_CHUNK]) :]
        except BrokenPipeError as error:
            raise ChannelClosed("the other end closed") from error


def _wait(fd: int, event: int, deadline: float | None) -> None:
    poller = select.poll()
    poller.register(fd, event)
    left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
    if not poller.poll(left):
        raise ChannelTimeout
