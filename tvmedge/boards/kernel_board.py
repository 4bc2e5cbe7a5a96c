"""Single kernels on a board, behind our small server (kernel_server.c)."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tvmedge.boards.pipes import ChannelClosed, ChannelTimeout, Pipes
from tvmedge.boards.relay import PACKET_LIMIT, READY_S, relay_command
from tvmedge.boards.relay.endings import kernel_ended, numbered_ending
from tvmedge.boards.relay.frames import PreambleScanner, RelayError
from tvmedge.device.counting import Counter
from tvmedge.errors import BoardError
from tvmedge.resources import disk_errors
from tvmedge.types import Counts

_LENGTH = struct.Struct("<Q")
_COUNTS = struct.Struct("<3Q")
_SESSION_S = 40.0  # to a session: a relay gives up before
_GRACE_S = 2.0
_SENTENCE = 4096


class KernelRefusedError(Exception):
    """The board does not take this kernel and waits for the next; a sentence says why."""


class KernelFailedError(BoardError):
    """The kernel crashed, hung or took more than it may, and the board's server with it;
    completes "the kernel ..."."""


class KernelBoard:
    """A server of kernels at the other end of ``command``'s pipes.

    One that crashed, hung or was closed is of no use any more: start another.
    """

    def __init__(
        self, command: Sequence[str], counter: Counter | None = None, *, session: bool = False
    ) -> None:
        """Start ``command``; ``counter``, for one under QEMU, counts what it executes; behind a
        command that starts a ``session``, a relay stands in between.

        Raises:
            BoardError: it is no server of ours, or was not ready in time.
        """
        with disk_errors(Path(tempfile.gettempdir())):
            self._folder = Path(tempfile.mkdtemp(prefix="tvmedge-kernels-"))
        self._stderr = self._folder / "stderr"
        self._report = self._folder / "report"
        if session:
            relayed = relay_command(str(self._report), PACKET_LIMIT, READY_S, list(command))
            command = [*relayed, "0", "1"]
        environment = {**os.environ, "TMPDIR": str(self._folder)}
        if counter is not None:
            environment |= counter.environment() | {"TVMEDGE_COUNTER": str(counter.file)}
        self._sizes: tuple[int, ...] = ()
        try:
            with self._stderr.open("wb") as stderr:
                self._process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                    env=environment,
                    # Ctrl-C is ours to handle: the kernel in hand is finished first.
                    start_new_session=True,
                )
        except BaseException as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise BoardError(f"Cannot start {command[0]}: {error.strerror}.") from error
            raise
        assert self._process.stdin is not None and self._process.stdout is not None
        self._pipes = Pipes(self._process.stdout.fileno(), self._process.stdin.fileno())
        try:
            (self._knock if session else self._wait_ready)()
        except BaseException:
            self.close()
            raise

    def load(self, library: bytes, symbol: str, sizes: Sequence[int], seconds: float = 60.0) -> int:
        """Load a kernel in place of the last, which takes buffers of ``sizes`` bytes (zeros);
        where its library lies on the board. One that is linked with the server has no library.

        Raises:
            KernelRefusedError: it does not load.
            KernelFailedError: the kernel ended the board; all that follow may raise it.
            BoardError: the board has gone; all that follow may raise it.
        """
        head = struct.pack(f"<H{len(sizes)}Q", len(sizes), *sizes) + symbol.encode() + b"\n"
        answer = self._ask(b"L" + head + library, seconds, _LENGTH.size)
        self._sizes = tuple(sizes)
        (address,) = _LENGTH.unpack(answer)
        return int(address)

    def fill(self, buffer: int, content: bytes, seconds: float = 60.0) -> None:
        """Fill a buffer with ``content``, over and over; at most as long as the buffer."""
        self._ask(b"S" + struct.pack("<H", buffer) + content, seconds, 0)

    def read(self, buffer: int, seconds: float = 60.0) -> bytes:
        """The bytes of a buffer."""
        return self._ask(b"G" + struct.pack("<H", buffer), seconds, self._sizes[buffer])

    def count(self, calls: int, seconds: float) -> Counts:
        """What ``calls`` calls of the kernel execute; zeros where nobody counts."""
        answer = self._ask(b"N" + struct.pack("<I", calls), seconds, _COUNTS.size)
        return Counts(*_COUNTS.unpack(answer))

    def time(self, repetitions: int, calls: int, seconds: float) -> tuple[float, ...]:
        """Milliseconds that ``calls`` calls take, of each repetition."""
        job = b"T" + struct.pack("<II", repetitions, calls)
        return tuple(np.frombuffer(self._ask(job, seconds, 8 * repetitions), "<f8").tolist())

    def close(self) -> None:
        """End the board and remove what it wrote; may be called more than once."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_GRACE_S if self._process.poll() is None else None)
        except subprocess.TimeoutExpired:
            self._kill()
        self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait_ready(self) -> None:
        scanner, deadline = PreambleScanner(), time.monotonic() + READY_S
        try:
            while scanner.feed(bytes(self._pipes.read(1, deadline))) is None:
                pass
        except RelayError as error:
            raise BoardError(f"The board {error}.") from error
        except ChannelTimeout as error:
            raise BoardError(f"The board was not ready within {READY_S:g} s.") from error
        except ChannelClosed as error:
            raise BoardError(f"The board {self._ending()} before it was ready.") from error

    def _knock(self) -> None:
        """Wait until a relay's board answers: a kernel that is none, which it refuses."""
        try:
            self.load(b"", "", [], _SESSION_S)
        except KernelRefusedError:
            return
        except KernelFailedError as error:
            raise BoardError(f"The board {error} before it was ready.") from error

    def _ask(self, job: bytes, seconds: float, expected: int) -> bytes:
        deadline = time.monotonic() + seconds
        try:
            self._pipes.write(memoryview(_LENGTH.pack(len(job)) + job), deadline)
            (size,) = _LENGTH.unpack(self._pipes.read(_LENGTH.size, deadline))
            if size > max(_SENTENCE, expected + 1):
                raise ChannelClosed("an answer that is too long")
            answer = bytes(self._pipes.read(size, deadline))
        except ChannelTimeout as error:
            self._kill()
            raise KernelFailedError(f"gave no answer within {seconds:g} s") from error
        except ChannelClosed as error:
            ending = self._ending()
            if kernel_ended(ending):
                raise KernelFailedError(ending) from error
            raise BoardError(f"The board {ending}.") from error
        if answer[:1] != b"\0":
            raise KernelRefusedError(answer[1:].decode(errors="replace"))
        if len(answer) != expected + 1:
            self._kill()
            raise BoardError("The board sent an answer of another size than its kernel's.")
        return answer[1:]

    def _ending(self) -> str:
        """How the board's command ended, after its pipes closed."""
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._kill()
            return "closed the connection"
        with contextlib.suppress(OSError):
            if told := self._report.read_text("utf-8", "replace").partition("\n")[0]:
                return told
        return numbered_ending(code) + self._last_words()

    def _last_words(self) -> str:
        lines = self._stderr.read_bytes()[-_SENTENCE:].decode("utf-8", "replace").split("\n")
        lines = [line for line in lines if line.strip() and not line.startswith("qemu: uncaught")]
        return f" (it said: {lines[-1][:200]})" if lines else ""

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
