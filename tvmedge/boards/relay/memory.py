"""A session's memory over time, kept in a file for the one who asked for the session."""

from __future__ import annotations

from .frames import RelayError

_MOST = 36_000  # samples: an hour
_LONGEST = 40


def memory_file(report: str) -> str:
    """Where a relay with this report file keeps samples: a line each, "MS KIB"."""
    return f"{report}.memory"


class MemoryLog:
    """Writes an hour's samples, as they come."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._left = _MOST

    def add(self, body: bytes) -> None:
        """One frame's.

        Raises:
            RelayError: it is no sample.
        """
        words = body.split(b" ")
        if len(body) > _LONGEST or len(words) != 2 or not all(word.isdigit() for word in words):
            raise RelayError("sent what is no frame of a session")
        if self._left:
            self._left -= 1
            with open(self._path, "ab") as file:  # noqa: PTH123 (pathlib loads slowly)
                file.write(body + b"\n")
