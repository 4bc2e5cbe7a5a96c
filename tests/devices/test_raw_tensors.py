"""Tensors that go past TVM's protocol, between TVM's client and our server in a session."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tvmedge.boards import raw_tensors
from tvmedge.boards.emulated import session_command
from tvmedge.boards.limits import SessionLimits, SessionPlaces
from tvmedge.boards.places import Remote, empty, overwrite
from tvmedge.boards.raw_tensors import Ends, RawTensors, pipe_client
from tvmedge.boards.relay import relay_command
from tvmedge.boards.runtime import global_function, load_runtime
from tvmedge.device.build_session import build_session
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.errors import BoardError
from tvmedge.targeting import target


@pytest.fixture(params=[False, True], ids=["framed", "direct"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Remote, Ends]]:
    """Our server in a session of this machine."""
    load_runtime()
    server = str(cached_board(target("host")) / SERVER)
    session = session_command(target("host"), SessionLimits(), SessionPlaces())
    report = str(tmp_path / "report")
    command = relay_command(report, 1 << 30, 20, [*session, server], direct=request.param)
    client, ends = pipe_client(tuple(command), global_function("rpc.CreatePipeClient"))
    assert ends is not None
    remote = Remote(client, ends=ends)
    yield remote, ends
    del client
    remote.close()


def raw(board: tuple[Remote, Ends]) -> RawTensors:
    get = board[0].session.get_function
    return RawTensors(board[1], get("tvmedge.server.take"), get("tvmedge.server.give"))


@pytest.mark.parametrize("count", [1, 255, 256, 70_001, 3_000_000])
def test_what_comes_back_is_what_went(board: tuple[Remote, Ends], count: int) -> None:
    remote = board[0]
    sent = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    tensor = empty(sent.shape, "float32", remote.device)
    remote.fill(tensor, sent)
    assert np.array_equal(remote.fetch(tensor, sent.dtype), sent)
    overwrite(tensor, sent[::-1])  # TVM's own way, on the same pipes
    assert np.array_equal(remote.fetch(tensor, sent.dtype), sent[::-1])


def test_a_large_tensor_goes_in_pieces(
    board: tuple[Remote, Ends], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_tensors, "_MOST", 1000)
    sent = np.arange(4321, dtype=np.int64)
    tensor = empty(sent.shape, "int64", board[0].device)
    board[0].fill(tensor, sent)
    assert np.array_equal(board[0].fetch(tensor, sent.dtype), sent)


def test_a_part_that_a_tensor_does_not_have_is_refused(board: tuple[Remote, Ends]) -> None:
    tensor = empty((100,), "uint8", board[0].device)
    for name in ("take", "give"):
        call = board[0].session.get_function(f"tvmedge.server.{name}")
        for offset, count in ((0, 101), (1, 100), (-1, 10), (0, 0), (1 << 62, 1 << 62)):
            with pytest.raises(Exception, match="smaller than that"):
                call(tensor, offset, count)
    zeros = np.zeros(100, np.uint8)
    raw(board).write(tensor, zeros)  # the session goes on
    assert np.array_equal(board[0].fetch(tensor, zeros.dtype), zeros)


def test_content_of_another_size_ends_the_session(tmp_path: Path) -> None:
    """A client that announces one size and sends another."""
    script = """
import os, sys
from tests.devices.test_raw_tensors import *
load_runtime()
words = relay_command(sys.argv[1], 1 << 30, 20, sys.argv[2:], direct=True)
client, ends = pipe_client(tuple(words), global_function("rpc.CreatePipeClient"))
remote = Remote(client, ends=ends)
tensor = empty((100,), "uint8", remote.device)
take = client.get_function("tvmedge.server.take")  # kept: to free it is a call
take(tensor, 0, 100)
os.write(ends.writing, (99).to_bytes(8, "little") + bytes(99))
try:
    client.get_function("runtime.NumThreads")()
except Exception as error:
    print("refused", flush=True)
os._exit(0)
"""
    server = str(cached_board(target("host")) / SERVER)
    session = session_command(target("host"), SessionLimits(), SessionPlaces())
    assert _told(script, tmp_path, [*session, server]).startswith("refused")


def test_a_length_that_is_none_makes_an_error(tmp_path: Path) -> None:
    """A board behind the client's own pipes says that a packet of 2**40 bytes comes."""
    script = """
import os, sys
from tests.devices.test_raw_tensors import *
from tvmedge.boards.own_memory import bound_memory
from tvmedge.boards.runtime import error_line
load_runtime()
bound_memory()
words = relay_command(sys.argv[1], 1 << 30, 20, sys.argv[2:], direct=True)
try:
    pipe_client(tuple(words), global_function("rpc.CreatePipeClient"))
except Exception as error:
    print(error_line(error), flush=True)
os._exit(0)
"""
    board = (
        "echo tvmedge-server 1; "
        "printf '\\000\\000\\000\\000\\000\\001\\000\\000' "
        '> "/proc/self/fd/${TVMEDGE_DIRECT#*,}"; sleep 1000'
    )
    told = _told(script, tmp_path, [str(build_session()), "--", "sh", "-c", board])
    assert "or the board sent a packet that is none" in told


def test_a_board_that_is_gone(tmp_path: Path) -> None:
    import os

    reading, writing = os.pipe()
    os.close(writing)
    gone = RawTensors(Ends(reading, reading), lambda *_: None, lambda *_: None)
    with pytest.raises(BoardError, match="closed"):
        gone.read(None, np.zeros(10, np.uint8))
    os.close(reading)


def _told(script: str, tmp_path: Path, session: list[str]) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "report"), *session],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    return done.stdout or done.stderr
