"""A real gateway: a process, its folder, the keys of its clients."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvmedge.boards.address import BoardAddress, parse_address
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.gateway.authority import enroll

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
    gateway = Gateway(folder, boards).start()
    try:
        yield gateway
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
