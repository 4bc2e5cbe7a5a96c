"""Kernels timed in sessions: over a real ssh server, on a real gateway's boards, under QEMU."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.devices.gateway import SOON_S, local_pool, serving
from tests.devices.parts import EMULATED
from tests.devices.sshd import SSHD, Server, temporary_ssh_server
from tests.onnx_models import conv_net, save
from tests.tuning.kernels import CHANNELS, convolution, written
from tvmedge.boards.address import BoardAddress, parse_address
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.boards.limits import SessionLimits
from tvmedge.boards.terms import Terms
from tvmedge.cli import main
from tvmedge.errors import BoardError, InputError
from tvmedge.targeting import TargetSpec, target
from tvmedge.tuning.costs.board_time import BoardTime
from tvmedge.tuning.costs.boards_at import kernel_boards
from tvmedge.tuning.costs.candidate import SYMBOL
from tvmedge.tuning.costs.choose import on_boards
from tvmedge.tuning.costs.source import CandidateError

needs_ssh = pytest.mark.skipif(
    not Path(SSHD).exists(), reason="needs an ssh server: apt-get install openssh-server"
)
WAYS = [pytest.param("ssh", marks=needs_ssh), "gateway", "emulated"]


@contextmanager
def _way(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardAddress]:
    """The address of a board, or of two, that work."""
    if kind == "ssh":
        with temporary_ssh_server():
            yield parse_address("ssh://board")
    elif kind == "gateway":
        with serving(folder / "gateway", local_pool(2)) as gateway:
            monkeypatch.setenv(VARIABLE, str(gateway.keys("tuner")))
            gateway.until_free(2)
            yield gateway.address()
    else:
        yield parse_address("emulated")


@pytest.mark.parametrize("kind", WAYS)
def test_a_session_computes_what_it_times(
    kind: str, pi: TargetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = target(EMULATED if kind == "emulated" else "host")
    candidate = convolution(spec, size=4)
    with _way(kind, tmp_path, monkeypatch) as address:
        start = next(iter(kernel_boards(spec, address, Terms()).values()))
        board = start()
        try:
            board.load(candidate.library(), SYMBOL, candidate.sizes)
            for index, argument in enumerate(candidate.arguments[:-1]):
                board.fill(index, np.full(3, 0.5, argument.dtype).tobytes())
            assert len(board.time(5, 2, 20)) == 5
            got = np.frombuffer(board.read(len(candidate.arguments) - 1), "float32")
            np.testing.assert_allclose(got, 0.25 * CHANNELS)
        finally:
            board.close()


@pytest.mark.parametrize(
    "kind",
    [pytest.param("ssh", marks=needs_ssh), pytest.param("gateway", marks=pytest.mark.slow)],
)
def test_what_a_candidate_does_is_its_own_fault(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash, a hang and a limit end the session, have a name, and the next one is measured."""
    spec = target("host")
    good = written("x[0] += 1;", spec, tmp_path)
    crash = written("*(volatile int *)8 = 1;", spec, tmp_path)
    hang = written("for (;;) x[0] += 1;", spec, tmp_path)
    large = dataclasses.replace(hang, scratch=(300 << 20,))  # until somebody looks
    terms = Terms(SessionLimits(memory_mb=100, cpu_seconds=20))
    with _way(kind, tmp_path, monkeypatch) as address:
        starts = kernel_boards(spec, address, terms)
        with BoardTime(kind, starts, seconds=2) as source:
            for candidate, why in (
                (crash, r"crashed \(signal SIGSEGV\)"),
                (large, "more memory than the 100 MiB"),
                (hang, "gave no answer within 2 s"),
            ):
                with pytest.raises(CandidateError, match=why):
                    source.measure(candidate)
                assert source.measure(good).value > 0
            assert source.slots == len(starts)


@needs_ssh
def test_a_measurement_whose_way_broke_is_made_again(tmp_path: Path) -> None:
    """It leaves nothing behind, so that a second one doubles nothing."""
    spec = target("host")
    good = written("x[0] += 1;", spec, tmp_path)
    with (
        temporary_ssh_server() as server,
        on_boards(spec, [parse_address("ssh://board")]) as source,
    ):
        assert isinstance(source, BoardTime)
        tried: list[int] = []

        def job(board: KernelBoard) -> float:
            board.load(good.library(), SYMBOL, good.sizes)
            tried.append(len(tried))
            if len(tried) == 1:
                server.cut()
            return min(board.time(3, 1, 20))

        assert source._boards.run(job) > 0
        assert tried == [0, 1]
        assert source.slots == 1


def test_all_boards_of_a_pool_work_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, together = target("host"), threading.Barrier(2)

    def job(board: KernelBoard) -> int:
        together.wait(SOON_S)
        return board._process.pid

    with serving(tmp_path / "gateway", local_pool(2)) as gateway:
        monkeypatch.setenv(VARIABLE, str(gateway.keys("tuner")))
        gateway.until_free(2)
        with on_boards(spec, [gateway.address()]) as source, ThreadPoolExecutor(2) as threads:
            assert isinstance(source, BoardTime) and source.slots == 2
            assert source.name == "wall-time pool"
            used = set(threads.map(lambda _: source._boards.run(job), range(2)))
        assert len(used) == 2
        assert {line["board"] for line in gateway.log("granted")} == {"pool/b0", "pool/b1"}


@needs_ssh
def test_a_model_is_tuned_over_ssh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = save(conv_net(), tmp_path / "net.onnx")
    words = ["tune", str(net), "-t", "host", "--trials", "2", "--board", "ssh://board"]
    with temporary_ssh_server() as server:
        records = str(tmp_path / "records.db")
        assert main([*words, "--records", records, "--limit.memory-mb", "500", "--json"]) == 0
        _little_was_brought(server)
    found = json.loads(capsys.readouterr().out)
    assert found["cost"]["source"] == "wall-time ssh"
    assert 0 < found["best"] <= found["untuned"] < 1


def _little_was_brought(server: Server) -> None:
    (folder,) = server.uploads
    assert {"tvmedge-kernel-server", "tvmedge-session"} < {path.name for path in folder.iterdir()}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 200_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--board", "local", "--limit.files", "9"], "Board 'local' runs no session"),
        (["--limit.files", "9"], "--limit is for sessions on boards"),
        (["--board", "emulated", "--limit.files", "0"], "--limit.files 0: give a whole number"),
        (["--board", "gateway://127.0.0.1:9/pi"], "There are no keys for 'gateway://127.0.0.1:9"),
    ],
)
def test_bad_terms_are_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.pem"))
    net = save(conv_net(), tmp_path / "net.onnx")
    assert main(["tune", str(net), "-t", EMULATED, *words]) == 2
    assert said in capsys.readouterr().err


def test_a_board_that_is_not_there_is_said_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "gateway", local_pool(1)) as gateway:
        monkeypatch.setenv(VARIABLE, str(gateway.keys("tuner")))
        with pytest.raises(InputError, match="there is no pool 'nope'"):
            on_boards(target("host"), [gateway.address("nope")])
    with pytest.raises(BoardError, match="nothing listens: start it"):
        on_boards(target("host"), [gateway.address()])
