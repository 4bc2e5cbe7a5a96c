"""Models on boards through sessions: results, crashes, hangs, vanished boards, leftovers."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.devices.parts import (
    EMULATED,
    SIZE,
    Board,
    affine_weights,
    alive,
    listening,
)
from tvmedge.boards import emulated
from tvmedge.boards.address import BoardAddress, BoardKind, parse_address
from tvmedge.boards.session import Session, SessionOptions, open_session
from tvmedge.bundle import read_bundle
from tvmedge.device.pack import SERVER
from tvmedge.errors import BoardError, ExitCode, InputError, ToolError
from tvmedge.targeting import target

pytestmark = pytest.mark.usefixtures("clean")
MakeBundle = Callable[[str, str], Path]
IN, OUT = "input/x:0", "output/y:0"
COPY, ABORT, SEGFAULT, HANG, PRINT, RAISE, EXIT = range(7)
"""What the "trouble" model does, by its first input element."""


@pytest.fixture(params=[("local", "host"), ("emulated", EMULATED)], ids=["local", "emulated"])
def place(request: pytest.FixtureRequest) -> tuple[BoardAddress, str]:
    """A board without a port, and the target it runs."""
    board, name = request.param
    if board == "emulated":
        request.getfixturevalue("emulated_spec")
    return parse_address(board), name


def asking(what: int) -> dict[str, np.ndarray]:
    return {IN: np.full(SIZE, what, "float32")}


def assert_affine(session: Session) -> None:
    weights, generator = affine_weights(), np.random.default_rng(1)
    for _ in range(3):
        x = generator.standard_normal(SIZE).astype("float32")
        np.testing.assert_allclose(
            session.run({IN: x})[OUT], x * weights["w"] + weights["b"], rtol=1e-6
        )
    samples = session.time(5)
    assert len(samples) == 5
    assert all(0 < sample < 1000 for sample in samples)


def test_a_model_runs(place: tuple[BoardAddress, str], make_bundle: MakeBundle) -> None:
    address, name = place
    with open_session(address, make_bundle("affine", name), SessionOptions(threads=1)) as session:
        assert_affine(session)
    session.close()
    with pytest.raises(BoardError, match="the session has ended"):
        session.run(asking(COPY))


def test_a_model_runs_over_tcp(
    board: Board, make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(board) as port:
        for threads in (None, 1):
            address = parse_address(f"tvm://127.0.0.1:{port}")
            options = SessionOptions(threads=threads)
            with open_session(address, make_bundle("affine", board.name), options) as session:
                assert_affine(session)
    assert "not authenticated" in caplog.text


def test_a_model_runs_on_a_stock_server(make_bundle: MakeBundle) -> None:
    script = Path(__file__).with_name("stock_server.py")
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            bundle = make_bundle("affine", "host")
            with open_session(parse_address(f"tvm://127.0.0.1:{port}/stock"), bundle) as session:
                assert_affine(session)
        finally:
            os.killpg(server.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (ABORT, "The model crashed while running on board '{}'{} (signal SIGABRT)"),
        (SEGFAULT, "The model crashed while running on board '{}'{} (signal SIGSEGV)"),
        (EXIT, "Board '{}' "),
    ],
    ids=["abort", "segfault", "exit"],
)
def test_a_crash_is_one_sentence(
    place: tuple[BoardAddress, str], make_bundle: MakeBundle, what: int, sentence: str
) -> None:
    address, name = place
    with open_session(address, make_bundle("trouble", name)) as session:
        assert (session.run(asking(COPY))[OUT] == 0).all()
        started = time.monotonic()
        with pytest.raises(BoardError) as raised:
            session.run(asking(what))
        assert time.monotonic() - started < 5
    assert raised.value.exit_code == ExitCode.BOARD
    kernel = "" if address.kind is BoardKind.LOCAL else " in kernel trouble"
    assert str(raised.value).startswith(sentence.format(address, kernel))
    assert "\n" not in str(raised.value)
    if what == EXIT:
        assert "exit code 3" in str(raised.value)


def test_a_hang_ends_at_its_deadline(
    place: tuple[BoardAddress, str], make_bundle: MakeBundle
) -> None:
    address, name = place
    options = SessionOptions(timeout_s=1)
    kernel = "" if address.kind is BoardKind.LOCAL else ", in kernel trouble"
    sentence = f"gave no answer within 1 s while running the model{kernel};"
    with (
        open_session(address, make_bundle("trouble", name), options) as session,
        pytest.raises(BoardError, match=sentence),
    ):
        session.run(asking(HANG))


def test_an_error_in_a_kernel_leaves_the_session_usable(
    place: tuple[BoardAddress, str], make_bundle: MakeBundle
) -> None:
    address, name = place
    with open_session(address, make_bundle("trouble", name)) as session:
        with pytest.raises(BoardError, match="the kernel does not like its input"):
            session.run(asking(RAISE))
        assert (session.run(asking(PRINT))[OUT] == PRINT).all(), "printing disturbs nothing"


def test_a_board_that_vanishes_is_noticed_at_once(
    make_bundle: MakeBundle, emulated_spec: object, tmp_path: Path
) -> None:
    def kill() -> None:
        time.sleep(0.5)
        commands = {
            process: Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0]
            for process in alive(str(tmp_path))
        }
        emulators = [process for process in commands if commands[process].endswith(b"qemu-aarch64")]
        # The server itself; the session that hangs is its child, and younger.
        os.kill(min(emulators), signal.SIGKILL)

    with open_session(parse_address("emulated"), make_bundle("trouble", EMULATED)) as session:
        killer = threading.Thread(target=kill)
        killer.start()
        started = time.monotonic()
        with pytest.raises(BoardError, match=r"Board 'emulated' was ended .*\(signal SIGKILL\)"):
            session.run(asking(HANG))
        assert time.monotonic() - started < 4
        killer.join()


def test_a_server_that_dies_is_noticed_at_once(board: Board, make_bundle: MakeBundle) -> None:
    with listening(board) as port:
        address = parse_address(f"tvm://127.0.0.1:{port}")
        started = time.monotonic()
        with (
            open_session(address, make_bundle("trouble", board.name)) as session,
            pytest.raises(BoardError, match="the connection was closed"),
        ):
            session.run(asking(ABORT))
        with open_session(address, make_bundle("trouble", board.name)) as session:
            assert (session.run(asking(COPY))[OUT] == 0).all(), "the next session works"
        assert time.monotonic() - started < 10


def test_a_hung_call_does_not_hold_the_server(board: Board, make_bundle: MakeBundle) -> None:
    with listening(board) as port:
        address = parse_address(f"tvm://127.0.0.1:{port}")
        bundle, options = make_bundle("trouble", board.name), SessionOptions(timeout_s=1)
        with open_session(address, bundle, options) as session, pytest.raises(BoardError):
            session.run(asking(HANG))
        with open_session(address, bundle, options) as session:
            assert (session.run(asking(COPY))[OUT] == 0).all()


def test_ctrl_c_ends_everything(place: tuple[BoardAddress, str], make_bundle: MakeBundle) -> None:
    address, name = place
    started = time.monotonic()
    with open_session(address, make_bundle("trouble", name)) as session:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            session.run(asking(HANG))
    assert time.monotonic() - started < 8


def test_a_killed_session_takes_its_worker_along(
    place: tuple[BoardAddress, str], make_bundle: MakeBundle, tmp_path: Path
) -> None:
    address, name = place
    script = (
        "import sys, numpy, pathlib\n"
        "from tvmedge.boards.address import parse_address\n"
        "from tvmedge.boards.session import open_session\n"
        "session = open_session(parse_address(sys.argv[1]), pathlib.Path(sys.argv[2]))\n"
        "print('open', flush=True)\n"
        f"session.run({{{IN!r}: numpy.full({SIZE}, {HANG}, 'float32')}})\n"
    )
    arguments = [str(address), str(make_bundle("trouble", name))]
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"open\n"
        time.sleep(0.3)
        parent.kill()


def test_opening_fails_in_a_sentence(make_bundle: MakeBundle) -> None:
    bundle = make_bundle("affine", "host")
    with pytest.raises(BoardError, match=r"Connect to 127.0.0.1:1 failed\.$"):
        open_session(parse_address("tvm://127.0.0.1:1"), bundle)


def test_wrong_keys_are_refused_in_a_sentence(board: Board, make_bundle: MakeBundle) -> None:
    bundle = make_bundle("affine", board.name)
    with (
        listening(board, "--key", "right") as port,
        pytest.raises(BoardError, match="cannot find server that matches key=client:wrong"),
    ):
        open_session(parse_address(f"tvm://127.0.0.1:{port}/wrong"), bundle)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "needs the input input/x:0"),
        ({"x": np.zeros(SIZE, "float32")}, "no input 'x'"),
        ({IN: np.zeros(SIZE + 1, "float32")}, "not input/x:0:17"),
        ({IN: np.zeros((1, SIZE), "float32")}, "not input/x:0:1x16"),
        ({IN: np.zeros(SIZE, "float64")}, "float64"),
    ],
    ids=["missing", "name", "size", "rank", "dtype"],
)
def test_wrong_inputs_are_refused_here(
    make_bundle: MakeBundle, inputs: dict[str, np.ndarray], said: str
) -> None:
    with open_session(parse_address("local"), make_bundle("affine", "host")) as session:
        with pytest.raises(InputError, match=said):
            session.run(inputs)
        with pytest.raises(InputError, match="1 or more"):
            session.time(0)
        assert_affine(session)


@pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine runs both bundles")
def test_bundles_run_where_they_belong(make_bundle: MakeBundle, emulated_spec: object) -> None:
    with pytest.raises(InputError, match="is for aarch64"):
        open_session(parse_address("local"), make_bundle("affine", EMULATED))
    with pytest.raises(InputError, match="cannot be emulated"):
        open_session(parse_address("emulated"), make_bundle("affine", "host"))
    with pytest.raises(InputError, match=f"is for x86_64, target {EMULATED} is aarch64"):
        options = SessionOptions(target=target(EMULATED))
        open_session(parse_address("emulated"), make_bundle("affine", "host"), options)


def test_another_emulated_board_can_be_named(
    make_bundle: MakeBundle, emulated_spec: object
) -> None:
    options = SessionOptions(target=target("raspberry-pi-5"), threads=2)
    bundle = read_bundle(make_bundle("affine", EMULATED))
    with open_session(BoardAddress(BoardKind.EMULATED), bundle, options) as session:
        assert_affine(session)


def test_a_missing_emulator_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match="apt-get install qemu-user libc6-arm64-cross"):
        emulated.emulator_command(target(EMULATED))


def test_the_emulated_command_is_plain(emulated_spec: object) -> None:
    program, *options, server = emulated.emulator_command(target(EMULATED))
    assert Path(program).name == "qemu-aarch64"
    assert options == ["-cpu", "cortex-a72", "-L", "/usr/aarch64-linux-gnu"]
    assert Path(server).name == SERVER


def test_a_full_disk_is_a_tool_error(make_bundle: MakeBundle, tmp_path: Path) -> None:
    tempfile.tempdir = str(tmp_path / "missing")
    try:
        with pytest.raises(ToolError, match="Cannot write"):
            open_session(parse_address("local"), make_bundle("affine", "host"))
    finally:
        tempfile.tempdir = str(tmp_path / "tmp")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("local", BoardAddress(BoardKind.LOCAL)),
        ("emulated", BoardAddress(BoardKind.EMULATED)),
        ("tvm://pi:9090", BoardAddress(BoardKind.TVM, "pi", 9090)),
        ("tvm://[::1]:9090/key:1", BoardAddress(BoardKind.TVM, "::1", 9090, "key:1")),
    ],
)
def test_addresses(text: str, address: BoardAddress) -> None:
    assert parse_address(text) == address
    assert str(address) == text
