"""Stands between TVM's pipe client and the command that reaches a board.

TVM's pipe client starts a command with two pipe ends as its last arguments, then
trusts every byte that comes back and waits for ever. This program is that command.
It starts the board's own command, which ends in a ``tvmedge-session`` on the board
(``device/session/``), waits a bounded time for its first line (passing over what a
login shell prints) and then for the server's in it, carries packets in frames,
bounds every one in both directions, gives and wants signs of life, and leaves one
sentence in a report file when the board fails.

Run as a file under ``python -I -S`` with nothing but the standard library, and as
little of that as possible, to start in milliseconds:

    relay.py REPORT_FILE LIMIT_BYTES READY_SECONDS COMMAND... READ_FD WRITE_FD
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator

SESSION = b"tvmedge-session "
PREAMBLE = b"tvmedge-server "
PROTOCOL = b"1"
BANNER_LIMIT = 64 * 1024
CRASHED = "crashed"
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
_CHUNK = 1 << 18
_TAIL_LIMIT = 4096
_GRACE_S = 3.0
_ALIVE_S = 5.0
_SILENCE_S = 30.0
_FRAME_LIMIT = 1 << 18
_HEAD = 8
_DATA, _ALIVE, _END, _TEXT, ROOM, _OVER = b"D", b"H", b"E", b"T", b"S", b"X"


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
            if self._kind == _DATA:
                yield _DATA, piece
                continue
            self._body += piece
            if not self._left:
                yield self._kind, self._body
                self._body = b""

    def _begin(self) -> int:
        """Read a head; how long the body is."""
        self._kind, self._left = self._head[:1], int.from_bytes(self._head[4:], "little")
        known = self._kind in (_DATA, _ALIVE, _TEXT, ROOM, _OVER) and not any(self._head[1:4])
        if not known or self._left > _FRAME_LIMIT:
            raise RelayError("sent what is no frame of a session")
        self._head = b""
        return self._left


def framed(kind: bytes, body: bytes = b"") -> bytes:
    """A frame of at most 256 KiB."""
    return kind + bytes(3) + len(body).to_bytes(4, "little") + body


def session_ending(text: str) -> str:
    """How a session on a board ended, as its last frame tells it, completing 'the board ...'."""
    kind, _, rest = text.partition("\n")[0].partition(" ")
    if kind == "signal" and rest.isdecimal():
        return numbered_ending(-int(rest))
    if kind == "exit" and rest.isdecimal():
        return numbered_ending(int(rest))
    if kind == "limit":
        what, _, most = rest.partition(" ")
        return f"was ended (more {what} than the {most} that a session may use)"
    return text.partition("\n")[0] or "ended without a word"


def numbered_ending(code: int) -> str:
    """How a process ended that has this exit code, -N for signal N, completing 'the board ...'."""
    # A shell, ssh, QEMU and our servers report a signal as 128 + its number.
    try:
        return signal_ending(-code if code < 0 else code - 128)
    except ValueError:
        return f"ended (exit code {code})"


def signal_ending(number: int) -> str:
    """How a process ended by a signal, completing 'the board ...'.

    Raises:
        ValueError: no such signal.
    """
    name = signal.Signals(number).name
    return f"{CRASHED if number in _CRASHES else 'was ended'} (signal {name})"


class Board:
    """The running board command: its pipes, its last words on stderr, its end."""

    def __init__(self, command: list[str]) -> None:
        read_in, self.stdin = os.pipe()
        self.stdout, write_out = os.pipe()
        stderr, write_err = os.pipe()
        ends = enumerate((read_in, write_out, write_err))
        try:
            self.pid = os.posix_spawnp(
                command[0],
                command,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, end, number) for number, end in ends],
                # Python ignores SIGPIPE, and a child would inherit that.
                setsigdef=[signal.SIGPIPE, signal.SIGTERM, signal.SIGINT],
            )
        except OSError as error:
            raise RelayError(f"cannot be reached: {command[0]}: {error.strerror}") from error
        for end in (read_in, write_out, write_err):
            os.close(end)
        self._tail = b""
        self._over = ""
        self._frames = FrameReader()
        self._sending = threading.Lock()
        self._listener = threading.Thread(target=self._listen, args=(stderr,), daemon=True)
        self._listener.start()

    def _listen(self, stderr: int) -> None:
        # Read to the end, or a talkative board would block on a full pipe.
        while chunk := os.read(stderr, _CHUNK):
            self._tail = (self._tail + chunk)[-_TAIL_LIMIT:]

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """Send a frame."""
        with self._sending:
            write_all(self.stdin, framed(kind, body))

    def receive(self, seconds: float) -> bytes | None:
        """The bytes that come next, b"" where there are none yet, None at the end.

        Raises:
            RelayError: nothing came for so long, or what came is no frame.
        """
        poller = select.poll()
        poller.register(self.stdout, select.POLLIN)
        if not poller.poll(seconds * 1000):
            raise RelayError(f"gave no sign of life for {seconds:g} s")
        chunk = os.read(self.stdout, _CHUNK)
        return self.unpack(chunk) if chunk else None

    def unpack(self, chunk: bytes) -> bytes:
        """The data in ``chunk``; what else is in it is kept.

        Raises:
            RelayError: what came is no frame.
        """
        data = []
        for kind, body in self._frames.feed(chunk):
            if kind == _DATA:
                data.append(body)
            elif kind == _TEXT:
                self._tail = (self._tail + body)[-_TAIL_LIMIT:]
            elif kind == _OVER:
                self._over = session_ending(body.decode("utf-8", "replace"))
        return b"".join(data)

    def last_lines(self) -> str:
        """What the board printed last, once it has ended."""
        self._listener.join(0.2)
        return self._tail.decode("utf-8", "replace")

    def kill(self, number: int = signal.SIGTERM) -> None:
        """Send a signal, if the board has not been waited for yet."""
        if self.pid:
            os.kill(self.pid, number)

    def wait(self) -> str:
        """How the command ended, completing 'the board ...'; killed when it does not end."""
        deadline = time.monotonic() + _GRACE_S
        while (ended := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                self.kill(signal.SIGKILL)
            time.sleep(0.005)
        self.pid = 0
        return self._over or numbered_ending(os.waitstatus_to_exitcode(ended[1]))


def wait_ready(board: Board, seconds: float) -> bytes:
    """Wait for the preambles of session and server; returns the bytes that came after them.

    Raises:
        RelayError: the deadline passed, the board ended, or it is no server of ours.
    """
    session, server, poller = PreambleScanner(SESSION), PreambleScanner(), select.poll()
    poller.register(board.stdout, select.POLLIN)
    deadline = time.monotonic() + seconds
    confined = False
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise RelayError(f"was not ready within {seconds:g} s")
        chunk = os.read(board.stdout, 4096)
        if not chunk:
            raise RelayError(f"{board.wait()} before it was ready")
        if not confined:
            framed_part = session.feed(chunk)
            if framed_part is None:
                continue
            confined, chunk = True, framed_part
        rest = server.feed(board.unpack(chunk))
        if rest is not None:
            return rest


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``, however large."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Client:
    """Client to board: forwards until the client closes, then sees to the board's end."""

    def __init__(self, source: int, limit: int) -> None:
        self._source = source
        self._guard = FrameGuard(limit)
        self.closed = False
        self.refused: RelayError | None = None

    def forward(self, board: Board) -> None:
        """Runs in a thread of its own; the outcome is in ``closed`` and ``refused``."""
        try:
            while chunk := os.read(self._source, _CHUNK):
                self._guard.feed(chunk)
                board.send(_DATA, chunk)
            self.closed = True
            board.send(_END)
        except RelayError as error:
            self.refused = RelayError(f"was not used: the host {error}")
        except BrokenPipeError:
            return  # the board has ended: the other direction tells how
        time.sleep(_GRACE_S)
        board.kill(signal.SIGTERM)
        time.sleep(_GRACE_S)
        board.kill(signal.SIGKILL)


def serve(board: Board, ends: tuple[int, int], limit: int, ready_s: float) -> None:
    """Carry bytes between the client's pipe ends and the board until one side closes.

    Raises:
        RelayError: the board failed while the client still needed it.
    """
    source, sink = ends
    guard, client = FrameGuard(limit), Client(source, limit)
    chunk = wait_ready(board, ready_s)
    threading.Thread(target=client.forward, args=(board,), daemon=True).start()
    threading.Thread(target=_stay_alive, args=(board,), daemon=True).start()
    received: bytes | None = chunk
    while received is not None:
        guard.feed(received)
        write_all(sink, received)
        received = board.receive(_SILENCE_S)
    ending = board.wait()
    if not client.closed:
        raise client.refused or RelayError(ending)


def _stay_alive(board: Board) -> None:
    """Let the board know that somebody is there, as long as it is."""
    try:
        while True:
            time.sleep(_ALIVE_S)
            board.send(_ALIVE)
    except OSError:
        return


def main(arguments: list[str]) -> int:
    """Relay between the client's two pipe ends and the board; see the module."""
    report, limit, ready_s, *command, source, sink = arguments
    ends = int(source), int(sink)
    for end in ends:
        os.set_inheritable(end, False)
    board = None
    try:
        board = started = Board(command)
        # The host ends a hung call by this signal: the board goes, and so do we.
        signal.signal(signal.SIGTERM, lambda *_: started.kill())
        serve(board, ends, int(limit), float(ready_s))
    except BrokenPipeError:
        return 0  # the client is gone, there is nobody to tell
    except RelayError as error:
        last = ""
        if board is not None:
            if board.pid:
                board.kill()
                board.wait()
            last = board.last_lines()
        with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 (pathlib loads slowly)
            file.write(f"{error}\n{last}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
