"""Candidates timed on boards: right results, boards that are lost, several at the same time."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.tuning.kernels import CHANNELS, convolution, written
from tvmedge.boards.address import parse_address
from tvmedge.boards.emulated import kernel_command
from tvmedge.boards.kernel_board import KernelBoard, KernelRefusedError
from tvmedge.boards.terms import Terms
from tvmedge.device.build_server import build_kernel_server, build_tensor_call
from tvmedge.errors import BoardError, InputError
from tvmedge.targeting import TargetSpec, target
from tvmedge.tuning.costs.board_time import BoardTime
from tvmedge.tuning.costs.boards_at import kernel_boards
from tvmedge.tuning.costs.candidate import SYMBOL
from tvmedge.tuning.costs.choose import on_boards
from tvmedge.tuning.costs.pool import BoardPool
from tvmedge.tuning.costs.source import CandidateError
from tvmedge.types import Counts


def _local() -> KernelBoard:
    return KernelBoard([str(build_kernel_server(target("host").toolchain.triple))])


@pytest.mark.parametrize("name", ["host", "raspberry-pi-4b", "raspberry-pi-2"])
def test_a_board_computes_what_it_times(name: str, pi: TargetSpec) -> None:
    spec = target(name)
    candidate = convolution(spec, size=4)
    board = KernelBoard(kernel_command(spec)) if spec.emulator else _local()
    try:
        board.load(candidate.library(), SYMBOL, candidate.sizes)
        for index, argument in enumerate(candidate.arguments[:-1]):
            board.fill(index, np.full(3, 0.5, argument.dtype).tobytes())
        assert len(board.time(5, 2, 10)) == 5
        last = len(candidate.arguments) - 1
        got = np.frombuffer(board.read(last), candidate.arguments[last].dtype)
        np.testing.assert_allclose(got, 0.25 * CHANNELS)
        assert board.count(1, 10) == Counts()  # nobody counts
    finally:
        board.close()


def test_twice_the_work_takes_about_twice_as_long(tmp_path: Path) -> None:
    turns = "for (int i = 0; i < %d; i++) x[i %% 32] += 1;"
    spec = target("host")
    with BoardTime("local", {"local": _local}) as source:
        assert source.name == "wall-time local"
        few, many = (source.measure(written(turns % n, spec, tmp_path)) for n in (5000, 50000))
    assert few.unit == many.unit == "s"
    assert 0 < 2 * few.value < many.value < 100 * few.value


def _dying(tries: int) -> Callable[[], KernelBoard]:
    """What starts a board so often, and then does not."""
    left = iter(range(tries))

    def start() -> KernelBoard:
        if next(left, None) is None:
            raise BoardError("The cable was pulled.")
        return _local()

    return start


def test_a_lost_board_leaves_the_pool(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The candidate that was on it goes to another; the run ends with the last board."""
    spec = target("host")
    good = written("x[0] += 1;", spec, tmp_path)
    pool = BoardPool({"one": _dying(1), "two": _dying(2)})
    seen: list[int] = []

    def job(board: KernelBoard) -> float:
        board.load(good.library(), SYMBOL, good.sizes)
        seen.append(board._process.pid)
        if len(seen) == 1:
            os.kill(seen[0], 9)  # the board goes away under the job
        return min(board.time(3, 1, 10))

    with caplog.at_level(logging.WARNING):
        assert pool.run(job) > 0
    assert pool.size == 1
    assert len(set(seen)) == 2
    assert "Board one is lost, 1 left: The cable was pulled." in caplog.text
    crash = written("*(volatile int *)8 = 1;", spec, tmp_path)

    def crashing(board: KernelBoard) -> None:
        board.load(crash.library(), SYMBOL, crash.sizes)
        board.time(1, 1, 10)

    with pytest.raises(CandidateError, match="crashed"):
        pool.run(crashing)  # starts board two again
    with pytest.raises(BoardError, match=r"No board is left.*The cable was pulled"):
        pool.run(crashing)
    with pytest.raises(BoardError, match="No board is left"):
        pool.run(job)
    pool.close()


def test_boards_work_at_the_same_time(tmp_path: Path) -> None:
    """As many jobs run as there are boards, each on one of its own; those who wait get one."""
    pool = BoardPool(dict.fromkeys(("a", "b", "c"), _local))
    together = threading.Barrier(3)

    def job(board: KernelBoard) -> int:
        together.wait(20)
        return board._process.pid

    with ThreadPoolExecutor(6) as threads:
        used = list(threads.map(lambda _: pool.run(job), range(6)))
    assert len(set(used)) == 3
    pool.close()


def test_waiting_jobs_end_with_the_last_board() -> None:
    pool = BoardPool({"one": _dying(1)})
    busy, go = threading.Event(), threading.Event()

    def job(board: KernelBoard) -> None:
        busy.set()
        go.wait(20)
        raise BoardError("The cable was pulled.")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pool.run, job)
        busy.wait(20)
        second = threads.submit(pool.run, job)
        go.set()
        for future in (first, second):
            with pytest.raises(BoardError, match="No board is left"):
                future.result(20)
    pool.close()


@pytest.fixture
def stock() -> Iterator[str]:
    """The address of a stock RPC server of TVM's."""
    command = [sys.executable, "-m", "tests.devices.stock_server"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"tvm://127.0.0.1:{int(server.stdout.readline())}/stock"
        finally:
            server.kill()


def test_a_stock_server_times_kernels(stock: str, tmp_path: Path) -> None:
    """By way of TVM's own protocol, with right results; a kernel that crashes ends the server."""
    spec = target("host")
    good = convolution(spec, size=4)
    (start,) = kernel_boards(spec, parse_address(stock), Terms()).values()
    board = start()
    try:
        library = good.library(build_tensor_call(spec.toolchain.triple))
        board.load(library, SYMBOL, good.sizes)
        for index, argument in enumerate(good.arguments[:-1]):
            board.fill(index, np.full(3, 0.5, argument.dtype).tobytes())
        assert len(board.time(3, 1, 20)) == 3
        got = np.frombuffer(board.read(len(good.arguments) - 1), "float32")
        np.testing.assert_allclose(got, 0.25 * CHANNELS)
        other = written("x[0] = 5;", spec, tmp_path)
        board.load(other.library(build_tensor_call(spec.toolchain.triple)), SYMBOL, other.sizes)
        board.time(1, 1, 20)
        assert np.frombuffer(board.read(0), "float32")[0] == 5
        with pytest.raises(KernelRefusedError):
            board.load(b"no library", SYMBOL, good.sizes)
    finally:
        board.close()
    with on_boards(spec, [parse_address(stock)]) as source:
        assert source.measure(good).value > 0
        with pytest.raises(BoardError, match="No board is left"):
            source.measure(written("*(volatile int *)8 = 1;", spec, tmp_path))


def test_a_kernel_that_ends_boards_ends_two_at_most(tmp_path: Path) -> None:
    spec = target("host")
    pool = BoardPool({name: _dying(1) for name in ("one", "two", "three")})
    leaves = written('__asm__("mov $231, %eax; mov $3, %edi; syscall");', spec, tmp_path)

    def leaving(board: KernelBoard) -> None:
        board.load(leaves.library(), SYMBOL, leaves.sizes)
        board.time(1, 1, 10)

    with pytest.raises(CandidateError, match=r"ends the board: .*exit code 3"):
        pool.run(leaving)
    assert pool.size == 1
    pool.close()


def test_no_server_is_a_lost_board(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = parse_address(f"tvm://127.0.0.1:{taken.getsockname()[1]}")
        spec = target("host")
        with on_boards(spec, [address]) as source, pytest.raises(BoardError, match="No board"):
            source.measure(written("x[0] += 1;", spec, tmp_path))
    with pytest.raises(InputError, match="twice"):
        on_boards(spec, [address, address])
