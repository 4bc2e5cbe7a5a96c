"""Boards of a gateway: a real one, real sessions, real certificates."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.devices.gateway import Gateway, eventually, local_pool, running, serving
from tests.devices.parts import SIZE, alive, zombies
from tvmedge.boards.address import parse_address
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.errors import BoardError

pytestmark = pytest.mark.usefixtures("clean")
MakeBundle = Callable[[str, str], Path]
IN, OUT = "input/x:0", "output/y:0"
INPUT = {IN: np.arange(SIZE, dtype="float32")}


def test_a_model_runs(
    make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle("affine", "host")
    with open_session(parse_address("local"), bundle) as session:
        expected = session.run(INPUT)[OUT]
    with serving(tmp_path / "gateway", local_pool(1)) as gateway:
        monkeypatch.setenv(VARIABLE, str(gateway.keys("alice")))
        with open_session(gateway.address(), bundle) as session:
            assert session.run(INPUT)[OUT].tobytes() == expected.tobytes()
            assert len(session.time(3)) == 3
    mine = [line["event"] for line in gateway.log() if line.get("client") == "alice"]
    assert mine == ["queued", "granted", "attached", "ended"]
    others = {line["event"] for line in gateway.log() if "client" not in line}
    assert others == {"started", "readmitted", "stopped"}
    assert gateway.log("ended")[0]["reason"].startswith("ended")


SEGFAULT, HANG, ALLOCATE, FILL, FORK, HONEST = 2, 3, 5, 6, 7, 9
ENDS = {
    SEGFAULT: "crashed while running",
    HANG: "more cpu than the 2 s",
    ALLOCATE: "more memory than the 200 MiB",
    FILL: "more disk than the 4 MiB",
    FORK: "more processes than the 40|more cpu than the 2 s",
}
"""What the "trouble" library does by its first element, and how a client hears of it."""
RACK = """
[limits]
sessions = 1
lease_seconds = 100
[session]
memory_mb = 200
cpu_seconds = 2
disk_mb = 4
processes = 40
[pools.pool]
a = { board = "emulated", target = "raspberry-pi-4b" }
b = { board = "emulated", target = "raspberry-pi-4b" }
c = { board = "emulated", target = "raspberry-pi-4b" }
"""


def test_ten_clients_and_three_boards_among_them_hostile_kernels(
    make_library: Callable[[str], Path], emulated_spec: object, tmp_path: Path
) -> None:
    bundle = make_library("raspberry-pi-4b")
    rooms = tmp_path / "rooms"
    rooms.mkdir(mode=0o777)

    def client(gateway: Gateway, what: int, number: int) -> str:
        """What came of one: "right", or a sentence."""
        options = SessionOptions(timeout_s=100, keys=gateway.keys(f"client{number}"), wait_s=300)
        inputs = {IN: np.full(SIZE, what, "float32")}
        try:
            with open_session(gateway.address(), bundle, options) as session:
                return "right" if (session.run(inputs)[OUT] == what).all() else "wrong"
        except BoardError as error:
            return str(error)

    asked = [SEGFAULT, HONEST, HANG, HONEST, ALLOCATE, HONEST, FILL, HONEST, FORK, HONEST]
    gateway = Gateway(tmp_path / "gateway", RACK, environment={"TMPDIR": str(rooms)})
    with running(gateway), ThreadPoolExecutor(len(asked)) as clients:
        for number in range(len(asked)):
            gateway.keys(f"client{number}")
        doing = [clients.submit(client, gateway, what, number) for number, what in enumerate(asked)]
        got = [one.result() for one in doing]
        eventually(lambda: not gateway.status()["sessions"], "every board is back")
        assert {board["trouble"] for board in gateway.status()["boards"]} == {""}
        assert gateway.process is not None
        eventually(lambda: zombies(gateway.process.pid) == [], "zombies are left")
    for what, said in zip(asked, got, strict=True):
        assert re.search(ENDS.get(what, "^right$"), said), (what, said)
    assert len(gateway.log("granted")) == len(gateway.log("ended")) == len(asked)
    eventually(lambda: alive(str(rooms)) == [], "processes are left")
    assert list(rooms.iterdir()) == []
