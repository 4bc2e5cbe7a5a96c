"""What is said over a board's pipes: first lines, frames, and TVM's packets within them."""

from __future__ import annotations

from collections.abc import Iterator

SESSION = b"tvmedge-session "
PREAMBLE = b"tvmedge-server "
PROTOCOL = b"1"
BANNER_LIMIT = 64 * 1024
DATA, ALIVE, END, TEXT, ROOM, OVER, MEMORY = b"D", b"H", b"E", b"T", b"S", b"X", b"M"
FILE, PIECE, GO, STOP = b"F", b"P", b"G", b"K"
PIECE_LIMIT = (1 << 18) - 32
_FRAME_LIMIT = 1 << 18
_HEAD = 8


class RelayError(Exception):
    """The board, or the way to it, does not behave; the message completes 'the board ...'."""


class FrameGuard:
    """Follows a stream of packets: a little-endian 64-bit length, then that many bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._header = b""
        self._body_left = 0

    def feed(self, chunk: bytes) -> None:
        """Advance over ``chunk``.

        Raises:
            RelayError: a packet announces more bytes than the limit.
        """
        position, end = 0, len(chunk)
        while position < end:
            if self._body_left:
                step = min(self._body_left, end - position)
                self._body_left -= step
                position += step
                continue
            piece = chunk[position : position + 8 - len(self._header)]
            self._header += piece
            position += len(piece)
            if len(self._header) == 8:
                self._body_left = int.from_bytes(self._header, "little")
                self._header = b""
                if self._body_left > self._limit:
                    raise RelayError(
                        f"sent a packet of {self._body_left} bytes; the limit is {self._limit}"
                    )


class PreambleScanner:
    """Finds the server's first line behind whatever a shell or driver prints before."""

    def __init__(self, name: bytes = PREAMBLE) -> None:
        """``name`` is how the line begins, up to the protocol's number."""
        self._name = name
        self._seen = b""

    def feed(self, chunk: bytes) -> bytes | None:
        """The bytes that follow the preamble's line, or None while it is not complete.

        Raises:
            RelayError: another protocol version, or too much text without a preamble.
        """
        self._seen += chunk
        start = self._start()
        if start is None:
            if len(self._seen) > BANNER_LIMIT:
                raise RelayError("printed 64 KiB of other text instead of becoming ready")
            return None
        line, newline, rest = self._seen[start:].partition(b"\n")
        if not newline:
            if len(line) > 64:
                raise RelayError("sent a first line that is not the server's")
            return None
        version = line[len(self._name) :].strip()
        if version != PROTOCOL:
            raise RelayError(
                f"speaks protocol {version.decode('ascii', 'replace')}, not "
                f"{PROTOCOL.decode()}: pack the board folder again with this tvmedge"
            )
        return rest

    def _start(self) -> int | None:
        """Where a line begins with the preamble."""
        if self._seen.startswith(self._name):
            return 0
        found = self._seen.find(b"\n" + self._name)
        return None if found < 0 else found + 1


class FrameReader:
    """Takes a board's stream apart: a kind, three zeros, a little-endian length, a body."""

    def __init__(self) -> None:
        self._head = b""
        self._kind = b""
        self._body = b""
        self._left = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Kinds and bodies; data comes in pieces, whatever else whole.

        Raises:
            RelayError: what came is no frame.
        """
        position = 0
        while position < len(chunk):
            if not self._left:
                piece = chunk[position : position + _HEAD - len(self._head)]
                self._head += piece
                position += len(piece)
                if len(self._head) == _HEAD and not self._begin():
                    yield self._kind, b""
                continue
            piece = chunk[position : position + self._left]
            position += len(piece)
            self._left -= len(piece)
            if self._kind == DATA:
                yield DATA, piece
                continue
            self._body += piece
            if not self._left:
                yield self._kind, self._body
                self._body = b""

    def _begin(self) -> int:
        """Read a head; how long the body is."""
        self._kind, self._left = self._head[:1], int.from_bytes(self._head[4:], "little")
        known = self._kind in (DATA, ALIVE, TEXT, ROOM, OVER, FILE, MEMORY)
        if not known or any(self._head[1:4]) or self._left > _FRAME_LIMIT:
            raise RelayError("sent what is no frame of a session")
        self._head = b""
        return self._left


def framed(kind: bytes, body: bytes = b"") -> bytes:
    """A frame of at most 256 KiB."""
    return frame_head(kind, len(body)) + body


def frame_head(kind: bytes, size: int) -> bytes:
    """What comes before a body of so many bytes."""
    return kind + bytes(3) + size.to_bytes(4, "little")
