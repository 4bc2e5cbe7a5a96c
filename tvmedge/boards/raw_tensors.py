"""Tensors' content between this process and a server of ours, past TVM's protocol, which moves it
a byte at a time: a call announces it, then it goes as one packet by the same pipes.
"""

from __future__ import annotations

import fcntl
import gc
import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tvmedge.boards.runtime import CONNECTION_CLOSED
from tvmedge.errors import BoardError

_LENGTH = struct.Struct("<Q")
_MOST = 64 << 20
"""Bytes of a packet, which the relay bounds."""
LEAST = 1 << 10
"""Bytes below which TVM's own way is as fast."""


@dataclass(frozen=True)
class Ends:
    """The descriptors by which TVM's pipe client reads and writes; between two calls nothing is
    on its way there."""

    reading: int
    writing: int


def pipe_client(command: tuple[str, ...], connect: Callable[..., Any]) -> tuple[Any, Ends | None]:
    """What ``connect`` (TVM's ``rpc.CreatePipeClient``) makes of a command, and its ends, which it
    does not tell: None where they cannot be told from others that were opened meanwhile."""
    before = _open_now()
    session = connect(*command)
    kinds: dict[int, list[int]] = {os.O_RDONLY: [], os.O_WRONLY: []}
    for descriptor in sorted(_open_now() - before):
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
            kinds.get(mode, []).append(descriptor)
    reading, writing = kinds[os.O_RDONLY], kinds[os.O_WRONLY]
    if len(reading) != 1 or len(writing) != 1:
        return session, None
    return session, Ends(reading[0], writing[0])


class RawTensors:
    """``take`` and ``give`` are the server's functions (``device/server_tensors.h``)."""

    def __init__(self, ends: Ends, take: Callable[..., Any], give: Callable[..., Any]) -> None:
        self._ends = ends
        self._take = take
        self._give = give

    def write(self, tensor: Any, array: np.ndarray) -> None:
        """Make an array's content a tensor's.

        Raises:
            BoardError: the board is gone.
        """
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for start in range(0, content.nbytes, _MOST):
            piece = content[start : start + _MOST].data
            with _nothing_freed():
                self._take(tensor, start, len(piece))
                self._send(_LENGTH.pack(len(piece)))
                self._send(piece)

    def read(self, tensor: Any, array: np.ndarray) -> None:
        """Make a tensor's content that of an array, which is in one piece.

        Raises:
            BoardError: the board is gone, or sent something else.
        """
        content = array.reshape(-1).view(np.uint8)
        for start in range(0, content.nbytes, _MOST):
            piece = content[start : start + _MOST].data
            with _nothing_freed():
                self._give(tensor, start, len(piece))
                head = bytearray(_LENGTH.size)
                self._fill(memoryview(head))
                if _LENGTH.unpack(head) != (len(piece),):
                    raise BoardError("the board sent a tensor's content of another size")
                self._fill(piece)

    def _send(self, content: bytes | memoryview) -> None:
        view = memoryview(content)
        try:
            while view:
                view = view[os.write(self._ends.writing, view) :]
        except BrokenPipeError as error:
            raise BoardError(CONNECTION_CLOSED) from error

    def _fill(self, view: memoryview) -> None:
        while view:
            got = os.readv(self._ends.reading, [view])
            if not got:
                raise BoardError(CONNECTION_CLOSED)
            view = view[got:]


@contextmanager
def _nothing_freed() -> Iterator[None]:
    """To free what a board holds is a call, which must not come between a call and its content."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _open_now() -> set[int]:
    """The descriptors of this process, but for the one that lists them."""
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (names are numbers)
        try:
            os.fstat(int(name))
        except OSError:
            continue
        found.add(int(name))
    return found
