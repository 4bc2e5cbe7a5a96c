"""Carries a session between its client and the process on, or on the way to, its board."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tornado.iostream import IOStream, PipeIOStream, StreamClosedError, UnsatisfiableReadError

from tvmedge.boards.relay.endings import session_ending
from tvmedge.boards.relay.frames import BANNER_LIMIT, OVER, SESSION, framed
from tvmedge.gateway.frames import FrameError, read_frame

_FROM_CLIENT, _FROM_BOARD = b"DHEKFPG", b"DHTSXFM"
_SILENCE_S = 30.0
_GRACE_S = 5.0  # a session ends itself two seconds after its host has gone

_CLIENT_GONE = "ended: the client went away"
_PIPE_BYTES = 1 << 20
_WORDS = 4096


@dataclass(frozen=True)
class Ending:
    """How a session ended: ``reason`` completes 'the board ...'; ``sent`` and ``received`` are
    bytes from and to the client. A board that started no session ``failed``."""

    reason: str
    sent: int = 0
    received: int = 0
    failed: bool = False


class Tunnel:
    """One session; ends when the board's process does, its client goes, or somebody stops it."""

    def __init__(self, client: IOStream, limit_bytes: int) -> None:
        self._client = client
        self._limit = limit_bytes
        self._sent = self._received = 0
        self._started = self._told = self._failed = False
        self._reason = ""
        self._writing = self._gone = 0.0
        self._heard = {"client": time.monotonic(), "board": time.monotonic()}
        self._carrying: asyncio.Future[list[None]] | None = None

    @property
    def moved(self) -> tuple[int, int]:
        """Bytes from and to the client so far."""
        return self._sent, self._received

    def stop(self, reason: str) -> None:
        """End it; ``reason`` completes 'the board ...' and is what the client is told."""
        self._reason = self._reason or reason
        if self._carrying is not None:
            self._carrying.cancel()

    def look_at_clock(self) -> None:
        """End it where one side is silent, or the client takes nothing."""
        if self._writing and time.monotonic() > self._writing + _SILENCE_S:
            self.stop("ended: the client reads no more")
        if self._gone and time.monotonic() > self._gone + _GRACE_S:
            self.stop(_CLIENT_GONE)  # and the board is out of reach
        for who, heard in self._heard.items():
            if time.monotonic() > heard + _SILENCE_S and not self._client.closed():
                self.stop(f"was ended (the {who} was silent for {_SILENCE_S:g} s)")

    async def run(self, command: Sequence[str]) -> Ending:
        """Start the board's process and carry frames until the end; nothing of it is left."""
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        ours_err, theirs_err = os.pipe()
        for end in (ours_in, ours_out):
            with contextlib.suppress(OSError):  # a user has so many such pipes only
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._board_in, from_board, errors = map(PipeIOStream, (ours_in, ours_out, ours_err))
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=theirs_in,
                stdout=theirs_out,
                stderr=theirs_err,
                start_new_session=True,
            )
        except OSError as error:
            for stream in (self._board_in, from_board, errors):
                stream.close()
            self._reason = f"cannot be reached: {command[0]}: {error.strerror}"
            await self._tell_end()
            return Ending(self._reason, failed=True)
        finally:
            for end in (theirs_in, theirs_out, theirs_err):
                os.close(end)
        words = asyncio.create_task(_last_words(errors))
        try:
            await self._carry(self._board_in, from_board)
        finally:
            self._board_in.close()
            from_board.close()
            await _ended(process)
            errors.close()
        said = await words
        if not self._started and said:
            self._reason += f" (it said: {said})"
        await self._tell_end()
        await _let_read(self._client)
        return Ending(self._reason, self._sent, self._received, self._failed)

    async def _carry(self, to_board: PipeIOStream, from_board: PipeIOStream) -> None:
        ways = [
            asyncio.create_task(self._to_board(to_board)),
            asyncio.create_task(self._to_client(from_board)),
        ]
        self._carrying = carrying = asyncio.gather(*ways)
        if self._reason:
            carrying.cancel()
        try:
            await carrying
        except (_Over, asyncio.CancelledError):
            if not self._reason:  # not by stop(): the gateway itself ends
                raise
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)

    async def _to_board(self, board: PipeIOStream) -> None:
        try:
            while True:
                frame = await read_frame(self._client, _FROM_CLIENT)
                self._heard["client"] = time.monotonic()
                self._count(sent=len(frame))
                with contextlib.suppress(StreamClosedError):  # how it ended, its last frame tells
                    await board.write(frame)
        except FrameError as error:
            self._over(f"refused the host: {error}")
        except StreamClosedError:
            board.close()  # the session hears of that, and tells how it ends
            self._gone = time.monotonic()

    async def _to_client(self, board: PipeIOStream) -> None:
        try:
            await self._first_line(board)
            while True:
                frame = await read_frame(board, _FROM_BOARD)
                self._heard["board"] = time.monotonic()
                self._count(received=len(frame))
                await self._send(frame)
                if frame[:1] == OVER:
                    self._over(session_ending(frame[8:].decode("utf-8", "replace")), told=True)
        except FrameError as error:
            self._over(f"is no session: {error}")
        except StreamClosedError:
            if self._client.closed():
                self._over(_CLIENT_GONE)
            self._failed = not self._started
            self._over("ended without a word" if self._started else "started no session")

    async def _first_line(self, board: PipeIOStream) -> None:
        """Pass over what a login shell prints."""
        left = BANNER_LIMIT
        while left > 0:
            try:
                line = await board.read_until(b"\n", max_bytes=left)
            except UnsatisfiableReadError:
                break
            if line.startswith(SESSION):
                self._started = True
                self._heard["board"] = time.monotonic()
                await self._send(line)
                return
            left -= len(line)
        raise FrameError("it printed 64 KiB of other text")

    async def _send(self, data: bytes) -> None:
        # No wait_for here: in Python 3.11 it loses a cancellation that comes as the write is done.
        self._writing = time.monotonic()
        try:
            await self._client.write(data)
        except StreamClosedError:
            self._board_in.close()
        self._writing = 0.0

    def _count(self, sent: int = 0, received: int = 0) -> None:
        self._sent += sent
        self._received += received
        if self._sent + self._received > self._limit:
            self._over(f"was ended (more bytes than the {self._limit >> 20} MiB of a lease)")

    def _over(self, reason: str, *, told: bool = False) -> None:
        self._told = told
        self._reason = self._reason or reason
        raise _Over

    async def _tell_end(self) -> None:
        """The client's last frame, where the board did not send it."""
        if self._told or self._client.closed():
            return
        first = b"" if self._started else SESSION + b"1\n"
        with contextlib.suppress(StreamClosedError, TimeoutError, asyncio.TimeoutError):
            last = framed(OVER, self._reason.encode("utf-8", "replace")[:1024])
            await asyncio.wait_for(self._client.write(first + last), _GRACE_S)


class _Over(Exception):
    """The session is over; why is in the tunnel."""


async def _let_read(client: IOStream) -> None:
    """Let the client read its last frame: a connection that is closed while there is something
    of its own to be read is reset, and what it was sent is lost."""
    if client.closed():
        return
    with contextlib.suppress(OSError, ValueError):  # what TLS wants to read is no matter
        client.socket.unwrap()  # type: ignore[attr-defined]
        return
    with contextlib.suppress(OSError):
        socket.socket.shutdown(client.socket, socket.SHUT_WR)
    deadline = time.monotonic() + _GRACE_S
    while not client.closed() and time.monotonic() < deadline:
        try:
            # Past the stream, which a cancelled read leaves in the middle of that.
            if not client.socket.recv(_PIPE_BYTES >> 4):
                return
        except ssl.SSLWantReadError:
            await asyncio.sleep(0.02)
        except OSError:
            return


async def _last_words(errors: PipeIOStream) -> str:
    """The last line on stderr, read until it is closed, or a talkative board would block."""
    tail = b""
    with contextlib.suppress(StreamClosedError):
        while True:
            tail = (tail + await errors.read_bytes(_WORDS, partial=True))[-_WORDS:]
    lines = [line for line in tail.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else ""


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Wait for a process whose pipes are closed, and make sure of its group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            await asyncio.wait_for(process.wait(), _GRACE_S)
            break
        except (TimeoutError, asyncio.TimeoutError):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
    await process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
