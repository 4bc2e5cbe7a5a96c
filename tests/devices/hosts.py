"""A host of sessions that keep files, as the tests need one: it sends what it likes."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tvmedge.boards.relay.endings import session_ending
from tvmedge.boards.relay.frames import FILE, PIECE, PIECE_LIMIT, FrameReader, framed

PREAMBLE = b"tvmedge-session 1\n"


@dataclass
class Host:
    """A session and what it told so far."""

    process: subprocess.Popen[bytes]
    told: dict[bytes, list[bytes]] = field(default_factory=dict)
    reader: FrameReader = field(default_factory=FrameReader)

    def send(self, *frames: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"".join(frames))
        except BrokenPipeError:
            return  # it tells why

    def hear(self) -> bool:
        assert self.process.stdout is not None
        chunk = os.read(self.process.stdout.fileno(), 1 << 18)
        for kind, body in self.reader.feed(chunk):
            self.told.setdefault(kind, []).append(body)
        return bool(chunk)

    def have(self) -> int:
        """What the session says next that it has of a file."""
        while not self.told.get(FILE):
            assert self.hear(), self.told
        return int.from_bytes(self.told[FILE].pop(0)[32:], "little")

    def name(self, content: bytes) -> int:
        self.send(
            framed(FILE, hashlib.sha256(content).digest() + len(content).to_bytes(8, "little"))
        )
        return self.have()

    def give(self, content: bytes, start: int = 0) -> None:
        for at in range(start, len(content), PIECE_LIMIT):
            piece = content[at : at + PIECE_LIMIT]
            self.send(framed(PIECE, hashlib.sha256(piece).digest() + piece))

    def ending(self) -> str:
        while self.hear():
            continue
        self.process.wait(20)
        return session_ending(b"".join(self.told[b"X"]).decode())


@contextmanager
def hosting(command: list[str]) -> Iterator[Host]:
    """A session that this command starts, and that may be named files."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(len(PREAMBLE)) == PREAMBLE
        host = Host(process)
        host.have()
        try:
            yield host
        finally:
            process.kill()
