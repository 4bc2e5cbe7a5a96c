"""The command that starts a session on a board, and its pipes."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import threading
import time

from .endings import numbered_ending, session_ending
from .frames import (
    DATA,
    FILE,
    MEMORY,
    OVER,
    STOP,
    TEXT,
    FrameReader,
    RelayError,
    frame_head,
    framed,
)
from .memory import MemoryLog

DIRECT_VARIABLE = "TVMEDGE_DIRECT"
_CHUNK = 1 << 18
_PIPE_BYTES = 1 << 20
_TAIL_LIMIT = 4096
_GRACE_S = 3.0
_STOP_S = 1.0


class Board:
    """The running board command: its pipes, its last words on stderr, its end."""

    def __init__(
        self, command: list[str], memory: str, direct: tuple[int, int] | None = None
    ) -> None:
        """``memory`` is the file for what the session takes; ``direct`` are the client's own pipe
        ends, where the board's program is to have them."""
        read_in, self.stdin = os.pipe()
        self.stdout, write_out = os.pipe()
        stderr, write_err = os.pipe()
        roomy(self.stdin, self.stdout)
        environment = {k: v for k, v in os.environ.items() if k != DIRECT_VARIABLE}
        if direct is not None:
            environment[DIRECT_VARIABLE] = f"{direct[0]},{direct[1]}"
        ends = enumerate((read_in, write_out, write_err))
        try:
            self.pid = os.posix_spawnp(
                command[0],
                command,
                environment,
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
        self.told_of_files: list[bytes] = []
        self._frames = FrameReader()
        self._memory = MemoryLog(memory)
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
            head = frame_head(kind, len(body))
            put = os.writev(self.stdin, [head, body])
            if put < len(head) + len(body):
                write_all(self.stdin, memoryview(head + body)[put:])

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
            if kind == DATA:
                data.append(body)
            elif kind == TEXT:
                self._tail = (self._tail + body)[-_TAIL_LIMIT:]
            elif kind == FILE:
                self.told_of_files.append(body)
            elif kind == MEMORY:
                self._memory.add(body)
            elif kind == OVER:
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

    def stop(self) -> None:
        """Ask the session to end and say where it was; killed when it does not soon."""
        killer = threading.Timer(_STOP_S, self.kill)
        killer.daemon = True
        killer.start()
        # Whoever holds the lock waits for a board that takes nothing.
        if self._sending.acquire(timeout=_STOP_S / 2):
            try:
                write_all(self.stdin, framed(STOP))
            except OSError:
                self.kill()
            finally:
                self._sending.release()

    def wait(self) -> str:
        """How the command ended, completing 'the board ...'; killed when it does not end."""
        deadline = time.monotonic() + _GRACE_S
        while (ended := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                self.kill(signal.SIGKILL)
            time.sleep(0.005)
        self.pid = 0
        return self._over or numbered_ending(os.waitstatus_to_exitcode(ended[1]))


def roomy(*pipes: int) -> None:
    """Let pipes hold a lot: fewer wake-ups. A system may allow a user only so many."""
    for pipe in pipes:
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            return


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of ``data``, however large."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
