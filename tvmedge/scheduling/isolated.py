"""Work that may crash or hang, done by a child that this process survives."""

from __future__ import annotations

import faulthandler
import os
import pickle
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class DiedError(Exception):
    """The child ended, or gave nothing in time; the message completes "it ..."."""


def isolated(work: Callable[[], Iterator[T]], seconds: float) -> Iterator[T]:
    """What ``work`` yields, each within ``seconds`` of the one before.

    The child is a fork: it has everything that this process has loaded, and
    changes nothing here. Values are pickled.

    Raises:
        DiedError: after what came until then.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _serve(work, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as answers:
            while True:
                value = _next(answers.fileno(), seconds)
                if value is None:
                    break
                yield pickle.loads(value)
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _serve(work: Callable[[], Iterator[T]], writing: int) -> None:
    """Never returns: what this process inherited must not be torn down twice."""
    faulthandler.disable()  # the parent says it in a sentence
    code = 1
    try:
        for value in work():
            _send(writing, pickle.dumps(value))
        _send(writing, b"")
        code = 0
    finally:
        os._exit(code)


def _send(writing: int, content: bytes) -> None:
    view = memoryview(len(content).to_bytes(8, "little") + content)
    while view:
        view = view[os.write(writing, view) :]


def _next(reading: int, seconds: float) -> bytes | None:
    """The next answer; None for the last."""
    deadline = time.monotonic() + seconds
    size = int.from_bytes(_read(reading, 8, deadline), "little")
    return _read(reading, size, deadline) if size else None


def _read(reading: int, size: int, deadline: float) -> bytes:
    content = b""
    while len(content) < size:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise DiedError("did not end")
        piece = os.read(reading, size - len(content))
        if not piece:
            raise DiedError("crashed")
        content += piece
    return content
