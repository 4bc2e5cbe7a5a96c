"""Boards that TVM's own tracker lends: several of a key at the same time, one that goes away."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tuning.kernels import written
from tvmedge.boards import tracker
from tvmedge.boards.address import parse_address
from tvmedge.errors import BoardError
from tvmedge.targeting import target
from tvmedge.tuning.costs import boards_at
from tvmedge.tuning.costs.choose import on_boards
from tvmedge.tuning.costs.source import CandidateError

_SERVERS = 2


@dataclass
class Farm:
    """A tracker's port, and the servers that it knows of."""

    port: int
    servers: list[subprocess.Popen[str]]

    def __str__(self) -> str:
        return f"tvm://127.0.0.1:{self.port}/stock"


@pytest.fixture(scope="module")
def farm() -> Iterator[Farm]:
    with contextlib.ExitStack() as started:

        def start(module: str, *arguments: str) -> tuple[subprocess.Popen[str], int]:
            process = subprocess.Popen(
                [sys.executable, "-m", f"tests.devices.{module}", *arguments],
                cwd=Path(__file__).parents[2],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            started.callback(_end, process)
            assert process.stdout is not None
            return process, int(process.stdout.readline())

        _, port = start("stock_tracker")
        made = Farm(port, [start("stock_server", str(port))[0] for _ in range(_SERVERS)])
        deadline = time.monotonic() + 60
        while tracker.servers("127.0.0.1", port, "stock") != _SERVERS:
            assert time.monotonic() < deadline, "the servers did not reach their tracker"
            time.sleep(0.05)
        yield made


def _end(process: subprocess.Popen[str]) -> None:
    """It and the sessions that it forked."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_key_that_nobody_serves_is_one_sentence(farm: Farm) -> None:
    address = parse_address(f"tvm://127.0.0.1:{farm.port}/other")
    with pytest.raises(BoardError, match="has no board 'other': name a key"):
        on_boards(target("host"), [address])
    with pytest.raises(BoardError, match=r"had no board 'other' free within 0\.2 s"):
        tracker.lent("127.0.0.1", farm.port, "other", 0.2)


def test_all_boards_of_a_key_work_and_one_may_go_away(
    farm: Farm,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boards_at, "LENT_S", 5.0)
    spec = target("host")
    with on_boards(spec, [parse_address(str(farm))]) as source, ThreadPoolExecutor(3) as threads:
        assert (source.name, source.slots) == ("wall-time stock", _SERVERS)
        kernels = []
        for number in range(6):
            (folder := tmp_path / str(number)).mkdir()
            kernels.append(written(f"x[0] += {number};", spec, folder))
        gone = threading.Event()

        def measure(number: int) -> float:
            if number == 3:  # while another is being measured, or about to be
                _end(farm.servers[0])
                gone.set()
            return source.measure(kernels[number]).value

        with caplog.at_level(logging.WARNING):
            assert all(value > 0 for value in threads.map(measure, range(6)))
            assert gone.is_set()
            # Whoever had the board that is gone meets it at the next kernel, at the latest.
            assert all(cost.value > 0 for cost in threads.map(source.measure, kernels[:3]))
        _end(farm.servers[1])
        with pytest.raises((BoardError, CandidateError)):  # two boards ended by one are its fault
            source.measure(kernels[0])
        with pytest.raises(BoardError, match="No board is left"):
            source.measure(kernels[0])
    assert "is lost" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense that is no number",
        b"\x71\xf2\x02\x00" + b"\xff\xff\xff\x7f",
        b"\x71\xf2\x02\x00" + b"\x02\x00\x00\x00" + b"{}",
        b"\x71\xf2\x02\x00" + b"\x05\x00\x00\x00" + b"[0,1]",
    ],
)
def test_what_is_no_tracker_is_said(answer: bytes) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2)
        port = listener.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection, contextlib.suppress(ConnectionError):
                    connection.recv(4)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(1 << 12):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert tracker.servers("127.0.0.1", port, "any") is None
        with pytest.raises(BoardError, match="racker"):
            tracker.lent("127.0.0.1", port, "any", 30)
        thread.join(30)
    with pytest.raises(BoardError, match="No tracker answers"):
        tracker.lent("127.0.0.1", port, "any", 5)
