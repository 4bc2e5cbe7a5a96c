"""Boards behind a cable: pulled in the middle of a run, or with a firewall in between."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.devices.gateway import eventually, serving
from tests.devices.networks import Cable, cable
from tests.devices.parts import SIZE, alive
from tests.devices.sshd import SSHD, Server, free_port, ssh_server
from tvmedge.boards.address import parse_address
from tvmedge.boards.gateway import pipe
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.limits import SessionLimits
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.cli import main
from tvmedge.errors import BoardError
from tvmedge.gateway.authority import enroll

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("ip") or not Path(SSHD).exists(),
    reason="needs root, iproute2 and openssh-server: run scripts/setup as root",
)
HANG = {"input/x:0": np.full(SIZE, 3, "float32")}


@pytest.fixture
def wire() -> Iterator[Cable]:
    with cable() as laid:
        yield laid


@pytest.fixture
def server(wire: Cable, tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "ssh"
    folder.mkdir()
    with ssh_server(folder, wire.board, wire.inside) as running:
        yield running
    deadline = time.monotonic() + 40
    while alive(str(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(str(folder)) == []


@pytest.mark.parametrize(
    ("deadline_s", "sentence"),
    [
        (4.0, "gave no answer within 4 s while running the model"),
        # ssh notices by itself, after 15 s of silence
        pytest.param(60.0, "while running the model", marks=pytest.mark.slow),
    ],
)
def test_a_board_that_is_unplugged_ends_in_a_sentence(
    clean: None,
    wire: Cable,
    server: Server,
    make_library: Callable[[str], Path],
    deadline_s: float,
    sentence: str,
) -> None:
    options = SessionOptions(timeout_s=deadline_s, limits=SessionLimits(silence_seconds=3))
    with open_session(parse_address("ssh://board"), make_library("host"), options) as session:
        pull = threading.Timer(0.5, wire.unplug)
        pull.start()
        started = time.monotonic()
        with pytest.raises(BoardError, match=sentence):
            session.run(HANG)
        assert time.monotonic() - started < 55
        pull.join()
    # The board's side hears nothing any more, and ends by itself: the fixture looks.


RACK = """
health_seconds = 1
[limits]
lease_seconds = 30
[session]
silence_seconds = 2
[pools.pool.far]
board = "ssh://board"
"""


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("deadline_s", "sentence"),
    [
        (2.0, "gave no answer within 2 s while running the model"),
        # ssh notices by itself, after 15 s of silence, and the gateway says so
        pytest.param(60.0, "while running the model", marks=pytest.mark.slow),
    ],
)
def test_a_board_of_a_gateway_is_unplugged(
    wire: Cable,
    server: Server,
    make_library: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deadline_s: float,
    sentence: str,
) -> None:
    """Its client hears of it and nothing runs twice; the lease is back before it expires, the board
    is left out, and lent again once the cable is in."""
    bundle, honest = make_library("host"), np.full(SIZE, 9, "float32")
    options = SessionOptions(timeout_s=deadline_s, wait_s=60)
    with serving(tmp_path / "gateway", RACK) as gateway:
        monkeypatch.setenv(VARIABLE, str(gateway.keys("alice")))
        gateway.until_free(1)
        with open_session(gateway.address(), bundle, options) as session:
            assert (session.run({"input/x:0": honest})["output/y:0"] == honest).all()
            pull = threading.Timer(0.5, wire.unplug)
            pull.start()
            with pytest.raises(BoardError, match=sentence):
                session.run(HANG)
            pull.join()
        eventually(lambda: gateway.log("ended"), "the lease is back")
        (ended,) = gateway.log("ended")
        assert ended["seconds"] < 30
        eventually(lambda: gateway.log("evicted"), "the board is left out")
        assert "cannot be reached" in gateway.log("evicted")[0]["reason"]
        with pytest.raises(BoardError, match=r"got free within 0 s .*0 of 1 boards work"):
            open_session(gateway.address(), bundle, dataclasses.replace(options, wait_s=0))
        wire.plug()
        with open_session(gateway.address(), bundle, options) as session:
            assert (session.run({"input/x:0": honest})["output/y:0"] == honest).all()
        assert len(gateway.log("attached")) == 2
        assert len(gateway.log("readmitted")) == 2


@pytest.mark.parametrize("way", ["ssh://{}", "tvm://{}:9090", "gateway://{}:7443/pool"])
def test_what_a_firewall_drops_is_told_from_what_is_refused(
    wire: Cable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    way: str,
) -> None:
    enroll(tmp_path / "state", "alice", tmp_path / "alice.pem", 1)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "alice.pem"))
    monkeypatch.setattr(pipe, "_CONNECT_S", 2.0)
    folder = tmp_path / "ssh"
    folder.mkdir()
    with ssh_server(folder):
        assert main(["doctor", "--board", way.format(wire.nowhere)]) == 4
        dropped = capsys.readouterr().out
        place = f"{wire.board}:{free_port()}" if "ssh" in way else wire.board
        assert main(["doctor", "--board", way.format(place)]) == 4
        refused = capsys.readouterr().out
        assert main(["doctor", "--board", way.format("no-such-name.invalid")]) == 4
        unknown = capsys.readouterr().out
    assert "does not answer" in dropped
    assert "firewall" in dropped
    assert "nothing listens" in refused or "Connection refused" in refused
    assert "name" in unknown
    assert "not known here" in unknown
