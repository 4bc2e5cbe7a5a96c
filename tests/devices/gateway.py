"""A real gateway: a process, its folder, the keys of its clients."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tvmedge.boards.address import BoardAddress, parse_address
from tvmedge.boards.gateway import pipe
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.gateway.wire import (
    ANSWERS,
    PROTOCOL,
    Ask,
    Attach,
    Attached,
    Granted,
    Queued,
    Welcome,
)
from tvmedge.boards.relay.endings import session_ending
from tvmedge.boards.relay.frames import FrameReader
from tvmedge.gateway.authority import enroll
from tvmedge.types import Serves

T = TypeVar("T")

SOON_S = 60.0
"""How long anything may take on a busy machine."""


@dataclass
class Gateway:
    """A gateway of ``file``; ``boards`` is what follows the first lines of it."""

    folder: Path
    boards: str
    process: subprocess.Popen[str] | None = None
    port: int = 0
    page: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "gateway.toml"

    def start(self) -> Gateway:
        """Start it, at the same port as before."""
        self.folder.mkdir(exist_ok=True)
        head = f'folder = "state"\nlisten = "127.0.0.1:{self.port}"\nstatus = "127.0.0.1:0"\n'
        self.file.write_text(head + self.boards)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tvmedge", "serve", str(self.file)],
            stdout=subprocess.PIPE,
            stderr=(self.folder / "stderr").open("ab"),
            text=True,
            env=os.environ | self.environment,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.match(r"listening on 127\.0\.0\.1:(\d+); status: (\S+)", said)
        assert found, said + self.errors
        self.port, self.page = int(found[1]), found[2]
        return self

    def end(self, number: int = signal.SIGTERM) -> None:
        assert self.process is not None and self.process.stdout is not None
        self.process.send_signal(number)
        self.process.wait(SOON_S)
        self.process.stdout.close()

    def address(self, pool: str = "pool") -> BoardAddress:
        return parse_address(f"gateway://127.0.0.1:{self.port}/{pool}")

    def keys(self, client: str) -> Path:
        """The keys of a client, made once."""
        path = self.folder / f"{client}.pem"
        if not path.exists():
            enroll(self.folder / "state", client, path, 1)
        return path

    def status(self) -> Any:
        with urllib.request.urlopen(f"{self.page}status.json", timeout=SOON_S) as answer:
            return json.load(answer)

    def until_free(self, count: int) -> None:
        """Wait until so many boards were found well."""

        def found() -> bool:
            states: list[str] = [board["state"] for board in self.status()["boards"]]
            return states.count("free") == count

        eventually(found, "free boards")

    def log(self, event: str = "") -> list[dict[str, Any]]:
        """The lines of the audit log, those of an event."""
        path = self.folder / "state/audit.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if event in ("", line["event"])]

    @property
    def errors(self) -> str:
        return (self.folder / "stderr").read_text()

    def client(self, name: str) -> dict[str, str]:
        """The environment of a process that is a client."""
        return os.environ | {VARIABLE: str(self.keys(name))}


@contextmanager
def serving(folder: Path, boards: str) -> Iterator[Gateway]:
    """A gateway that runs, and has printed nothing but where when it ends."""
    with running(Gateway(folder, boards)) as gateway:
        yield gateway


@contextmanager
def running(gateway: Gateway) -> Iterator[Gateway]:
    """See ``serving``."""
    try:
        yield gateway.start()
    finally:
        assert gateway.process is not None
        if gateway.process.poll() is None:
            gateway.end()
    assert gateway.errors == ""


def eventually(seen: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + SOON_S
    while not seen():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def local_pool(count: int, name: str = "pool") -> str:
    """Boards that are sessions on this machine."""
    return "".join(f'[pools.{name}.b{n}]\nboard = "local"\n' for n in range(count))


class Guest:
    """A client that speaks by hand, over a connection that the gateway has let in."""

    def __init__(self, gateway: Gateway, client: str = "alice") -> None:
        self.secure = pipe.connect(str(gateway.keys(client)), "127.0.0.1", gateway.port)
        welcome = self.hear()
        assert isinstance(welcome, Welcome) and welcome.client == client

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *error: object) -> None:
        self.secure.close()

    def hear(self) -> Any:
        return ANSWERS.decode(pipe.receive(self.secure, SOON_S))

    def say(self, message: msgspec.Struct) -> None:
        pipe.send(self.secure, msgspec.json.encode(message))

    def ask(self, **changes: Any) -> Any:
        """Ask for a board of "pool"; the first answer."""
        usual: dict[str, Any] = {"pool": "pool", "target": "host", "serves": Serves.LIBRARY}
        self.say(Ask(PROTOCOL, **(usual | changes)))
        return self.hear()

    def hear_until(self, kind: type[T], wanted: Callable[[T], bool] = lambda _: True) -> T:
        """The first answer of this kind that is wanted; the gateway says something all the time."""
        deadline = time.monotonic() + SOON_S
        while not (isinstance(answer := self.hear(), kind) and wanted(answer)):
            assert time.monotonic() < deadline, answer
        return answer

    def granted(self, **changes: Any) -> Granted:
        """Ask and wait for a board."""
        answer = self.ask(**changes)
        return answer if isinstance(answer, Granted) else self.hear_until(Granted)

    def left(self, place: int) -> Queued:
        """Wait until this is the place in the queue."""
        return self.hear_until(Queued, lambda heard: heard.place == place)

    def attach(self, lease: str) -> Any:
        self.say(Attach(lease))
        return self.hear()

    def rest(self) -> bytes:
        """All that comes until the gateway closes."""
        self.secure.settimeout(SOON_S)
        found = b""
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            while chunk := self.secure.recv(1 << 16):
                found += chunk
        return found


@contextmanager
def session_of(gateway: Gateway, client: str = "alice", **changes: Any) -> Iterator[Guest]:
    """A session that has begun."""
    with Guest(gateway, client) as waiting:
        lease = waiting.granted(**changes).lease
    with Guest(gateway, client) as guest:
        assert isinstance(guest.attach(lease), Attached)
        yield guest


def ending_of(told: bytes) -> str:
    """How a session ended, of all that its client got."""
    line, _, frames = told.partition(b"\n")
    assert line == b"tvmedge-session 1"
    *_, (kind, body) = FrameReader().feed(frames)
    assert kind == b"X", told
    return session_ending(body.decode())
