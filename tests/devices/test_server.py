"""The board's server, on this machine and under QEMU, against TVM's own client."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.devices.parts import Board, listening
from tvmedge.device.build_server import build_server
from tvmedge.device.runtime_wheels import cached_runtime
from tvmedge.targeting import target

MAGIC = 0xFF271


def connect(port: int, **options: Any) -> Any:
    from tvm import rpc

    return rpc.connect("127.0.0.1", port, **options)


def finished(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """The command, run to its end without input."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
    )


def knock(port: int, key: bytes = b"client:") -> socket.socket:
    """A connection that has shaken hands."""
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(struct.pack("<ii", MAGIC, len(key)) + key)
    return client


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "bool"])
def test_arrays_come_back_bit_exact(board: Board, dtype: str) -> None:
    import tvm

    generator = np.random.default_rng(3)
    with listening(board) as port:
        session = connect(port)
        for shape in [(), (1,), (3, 5, 7), (1000, 300)]:
            bits = generator.integers(0, 256, (*shape, np.dtype(dtype).itemsize), "uint8")
            array = (bits % 2 if dtype == "bool" else bits).view(dtype).reshape(shape)
            there = tvm.runtime.tensor(array, session.cpu(0))
            assert there.numpy().tobytes() == array.tobytes()


def test_sessions_follow_each_other_and_leave_nothing(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with listening(board) as port:
        folders = []
        for _ in range(2):
            session = connect(port)
            session.upload(bytearray(b"content"), target="file")
            folder = Path(session.get_function("tvm.rpc.server.workpath")("file")).parent
            assert folder.parent == tmp_path
            assert folder.stat().st_mode & 0o777 == 0o700
            assert bytes(session.download("file")) == b"content"
            folders.append(folder)
            del session
        assert folders[0] != folders[1]
        assert not folders[0].exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "..", ".", "", "n" * 200])
def test_file_names_are_confined(board: Board, name: str) -> None:
    from tvm.error import RPCError

    with listening(board) as port:
        session = connect(port)
        for function in ("workpath", "load_module"):
            with pytest.raises(RPCError, match="file name"):
                session.get_function(f"tvm.rpc.server.{function}")(name)
        with pytest.raises(RPCError, match="file name"):
            session.get_function("tvm.rpc.server.upload")(name, bytearray(b"x"))


def test_only_the_right_key_is_served(board: Board) -> None:
    with listening(board, "--key", "secret") as port:
        with pytest.raises(Exception, match="cannot find server that matches key"):
            connect(port, key="guess")
        session = connect(port, key="secret")
        assert session.get_function("tvm.rpc.server.workpath")("x").endswith("/x")


def test_a_packet_over_the_limit_ends_that_session_only(board: Board) -> None:
    with listening(board, "--max-packet-mb", "1") as port:
        with knock(port) as client:
            assert struct.unpack("<i", client.recv(4, socket.MSG_WAITALL))[0] == MAGIC
            client.sendall(struct.pack("<Q", (1 << 20) + 1))
            client.settimeout(10)
            while client.recv(4096):
                pass
        session = connect(port)
        session.upload(bytearray(1 << 19), target="half")
        with pytest.raises(Exception, match=r"."):
            session.upload(bytearray(1 << 21), target="too much")


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("<ii", MAGIC, -1),
        struct.pack("<ii", MAGIC, 1 << 30),
        struct.pack("<ii7sQi", MAGIC, 7, b"client:", 4, 999),
        struct.pack("<ii7sQ", MAGIC, 7, b"client:", 100),
    ],
    ids=["http", "negative", "huge key", "unknown code", "cut packet"],
)
def test_noise_does_not_end_the_server(board: Board, noise: bytes) -> None:
    with listening(board) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(noise)
        assert connect(port).get_function("tvm.rpc.server.workpath")("x")


def test_silence_inside_a_packet_is_bounded(board: Board) -> None:
    with listening(board, "--stall-seconds", "1") as port, knock(port) as client:
        client.recv(15, socket.MSG_WAITALL)
        client.sendall(struct.pack("<Q", 100) + b"not all of it")
        client.settimeout(10)
        while client.recv(4096):
            pass


def test_the_session_timeout_of_stock_clients_is_kept(board: Board) -> None:
    from tvm.error import RPCSessionTimeoutError

    with listening(board) as port:
        session = connect(port, session_timeout=0.5)
        time.sleep(1)
        with pytest.raises(RPCSessionTimeoutError):
            session.get_function("tvm.rpc.server.workpath")
        del session
        assert connect(port).get_function("tvm.rpc.server.workpath")("x")


def test_threads_are_set(board: Board) -> None:
    with listening(board, "--threads", "1") as port:
        assert connect(port).get_function("runtime.NumThreads")() == 1


def test_sorting_is_there(board: Board) -> None:
    with listening(board) as port:
        session = connect(port)
        assert session.get_function("tvm.contrib.sort.argsort")
        assert session.get_function("tvm.contrib.random.random_fill_for_measure")


def test_pipe_mode_starts_with_its_line_and_ends_with_its_input(board: Board) -> None:
    done = finished(board.command)
    assert (done.returncode, done.stdout) == (0, b"tvmedge-server 1\n")


def test_stopping_the_server_stops_its_session(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with listening(board) as port:
        session = connect(port)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Exception, match=r"."):
        session.get_function("tvm.rpc.server.workpath")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, b"Exit codes: 0"),
        (["--version"], 0, b"tvmedge-server "),
        (["--port", "9"], 2, b"--help lists the options"),
        (["--listen"], 2, b"--help lists the options"),
        (["--max-packet-mb", "0"], 2, b"--help lists the options"),
        (["--listen", "here"], 2, b"127.0.0.1:9090"),
        (["--listen", "0.0.0.0:0"], 2, b"needs --any-address"),
        (["--listen", "[::]:0"], 2, b"needs --any-address"),
        (["--listen", "203.0.113.1:0", "--any-address"], 6, b"cannot listen"),
    ],
)
def test_usage(board: Board, arguments: list[str], code: int, said: bytes) -> None:
    done = finished([*board.command, *arguments])
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_an_open_port_is_warned_of(board: Board) -> None:
    command = [*board.command, "--listen", "0.0.0.0:0", "--any-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        server.terminate()
        _, errors = server.communicate(timeout=10)
    assert b"open to the network without authentication" in errors


def test_no_work_folder_is_an_exit_code(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/no/such/folder")
    done = finished(board.command)
    assert done.returncode == 6
    assert b"cannot make a work directory in /no/such/folder" in done.stderr


def test_a_missing_extra_library_does_not_matter(tmp_path: Path) -> None:
    from tvmedge.device.pack import pack_board

    report = pack_board(target("host"), tmp_path / "board", extra=False)
    assert not any("extra" in file.path for file in report.files)
    done = finished([str(report.folder / "tvmedge-server")])
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["host", "raspberry-pi-4b"])
def test_the_server_is_small(name: str) -> None:
    spec = target(name)
    runtime = cached_runtime(str(spec.runtime.platform))
    if runtime is None:
        pytest.skip(f"the runtime for {name} is not cached")
    assert build_server(spec.toolchain.triple, runtime).stat().st_size < 50_000
