"""The worker as a child process: started, asked, killed and cleaned up after."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tvmedge.boards.messages import (
    REPLIES,
    Channel,
    Close,
    Job,
    Reply,
)
from tvmedge.boards.pipes import ChannelClosed, ChannelTimeout
from tvmedge.boards.relay.endings import kernel_in, signal_ending
from tvmedge.boards.relay.memory import memory_file
from tvmedge.boards.worker import FOLDER_VARIABLE, SESSION_THERE
from tvmedge.resources import disk_errors
from tvmedge.types import Resident

_log = logging.getLogger(__name__)

_CLOSE_S = 5.0
_TERM_S = 3.0
_TAIL_BYTES = 4096
_SHOWN = 200
_MOST_POINTS = 2000
_TRACES = ("File ", "!!!!!!!", "qemu: uncaught", "tvmedge-server: the session was ended")


class WorkerProcess:
    """One worker, its process group and its private ``folder``.

    The board's command runs in the same group, so nothing outlives a ``kill``; after one
    ``last_kernel`` is the kernel that a board ran then, as far as it said.
    """

    def __init__(
        self, threads: int | None, variables: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        with disk_errors(Path(tempfile.gettempdir())):
            self.folder = Path(tempfile.mkdtemp(prefix="tvmedge-session-"))
        self.report = self.folder / "report"
        self._stderr = self.folder / "stderr"
        folder = str(self.folder)
        environment = os.environ | variables | {"TMPDIR": folder, FOLDER_VARIABLE: folder}
        if threads is not None:
            environment["TVM_NUM_THREADS"] = str(threads)
        try:
            with self._stderr.open("wb") as stderr:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tvmedge.boards.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                    env=environment,
                    # Not the user's: `-m` looks for modules there first.
                    cwd=self.folder,
                    # A group of its own: Ctrl-C is ours to handle, and killpg ends all.
                    start_new_session=True,
                )
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipes = (self._process.stdin, self._process.stdout)
        self._channel = Channel(self._process.stdout.fileno(), self._process.stdin.fileno())
        self._words: str | None = None
        self._ended = False
        self.last_kernel = ""

    @property
    def number(self) -> int:
        """Its process number."""
        return self._process.pid

    def ask(
        self, job: Job, pieces: list[bytes | memoryview], limit: int, seconds: float
    ) -> tuple[Reply, memoryview]:
        """Send a job, wait for its reply. When that fails, the worker is dead afterwards.

        Raises:
            TimeoutError: no reply within ``seconds``.
            ConnectionError: the worker ended; the message completes 'the board ...'.
        """
        if self._ended:
            raise ConnectionError("is not in use any more: the session has ended")
        try:
            self._channel.send(job, pieces, seconds)
            return self._channel.receive(REPLIES, limit, seconds)
        except ChannelTimeout as error:
            self.kill()
            raise TimeoutError from error
        except ChannelClosed as error:
            raise ConnectionError(self._ending()) from error
        except BaseException:
            self.kill()
            raise

    def board_ending(self) -> str:
        """How the board's own command ended, as the relay saw it; empty when it did not."""
        try:
            return self.report.read_text("utf-8", errors="replace").partition("\n")[0]
        except OSError:
            return ""

    def memory(self) -> tuple[Resident, ...]:
        """What the board's session took so far, at most 2000 points; empty where nobody tells."""
        try:
            lines = Path(memory_file(str(self.report))).read_text("ascii").splitlines()
        except OSError:
            return ()
        points = (line.split() for line in lines[:: len(lines) // _MOST_POINTS + 1])
        return tuple(Resident(int(ms) / 1e3, int(kib)) for ms, kib in points)

    def last_words(self) -> str:
        """The last line that the board or the worker printed, as part of a sentence."""
        if self._words is None:
            self._words = self._read_words()
        return f" (it said: {self._words})" if self._words else ""

    def close(self) -> None:
        """End the worker in order, or by force when it does not end in time."""
        if not self._ended:
            with contextlib.suppress(ChannelClosed, ChannelTimeout):
                self._channel.send(Close(), seconds=_CLOSE_S)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_S)
        self.kill()

    def kill(self) -> None:
        """End the worker and whatever it started, and remove its folder."""
        if self._ended:
            return
        self._ended = True
        self._words = self._read_words()
        with contextlib.suppress(OSError):
            (self.folder / SESSION_THERE).touch()
        for pipe in self._pipes:
            pipe.close()
        # First politely: the relay then ends the board and the worker reaps the relay.
        for number, seconds in ((signal.SIGTERM, _TERM_S), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        if self._words:
            _log.debug("the worker's last words: %s", self._words)
        self.last_kernel = kernel_in(self.board_ending())
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ending(self) -> str:
        """How the worker ended, after its channel closed."""
        try:
            code = self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            code = 0
        ending = self.board_ending()
        self.kill()
        if ending:
            return ending
        if code < 0:
            return signal_ending(-code)
        return f"lost its worker process (exit code {code})"

    def _read_words(self) -> str:
        texts = []
        for path, skip in ((self.report, 1), (self._stderr, 0)):
            with contextlib.suppress(OSError), path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()[skip:]
                texts += [line.strip() for line in lines if line.strip() and not _is_trace(line)]
        return texts[-1][:_SHOWN] if texts else ""


def _is_trace(line: str) -> bool:
    """Whether a line only repeats that there was a crash, or where in TVM it was."""
    return line.lstrip().startswith(_TRACES)
