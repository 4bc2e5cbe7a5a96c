"""A network of its own for a board: two ends of a cable, which can be pulled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Cable:
    """From this machine to the network ``space``, where the board has the address ``board``.
    Packets to ``nowhere`` are lost, as behind a firewall that drops them."""

    space: str
    end: str
    board: str
    nowhere: str

    @property
    def inside(self) -> tuple[str, ...]:
        """What starts a program on the board's side."""
        return ("ip", "netns", "exec", self.space)

    def unplug(self) -> None:
        _ip("link", "set", self.end, "down")

    def plug(self) -> None:
        _ip("link", "set", self.end, "up")


@contextmanager
def cable() -> Iterator[Cable]:
    """Lay a cable; needs root."""
    number = os.getpid() % 60_000
    subnet = f"10.231.{number >> 8}"
    host, board, nowhere = (f"{subnet}.{(number & 31) * 8 + place}" for place in (1, 2, 3))
    made = Cable(f"tvmedge-{number}", f"tve{number}h", board, nowhere)
    theirs = f"tve{number}b"
    _ip("netns", "add", made.space)
    try:
        _ip("link", "add", made.end, "type", "veth", "peer", "name", theirs, "netns", made.space)
        _ip("address", "add", f"{host}/29", "dev", made.end)
        _ip("link", "set", made.end, "up")
        _ip("-n", made.space, "address", "add", f"{board}/29", "dev", theirs)
        _ip("-n", made.space, "link", "set", theirs, "up")
        _ip("-n", made.space, "link", "set", "lo", "up")
        _ip("neighbour", "add", nowhere, "lladdr", "02:00:00:00:00:01", "dev", made.end)
        yield made
    finally:
        subprocess.run(["ip", "link", "delete", made.end], check=False)
        _ip("netns", "delete", made.space)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
