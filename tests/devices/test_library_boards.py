"""Freestanding libraries in a worker and behind our small server: results, crashes, hangs."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scripts.arm.count import count_bundle
from tests.devices.parts import SIZE, alive
from tests.onnx_models import conv_net, save, wide_net
from tvmedge.boards.address import parse_address
from tvmedge.boards.emulated import require_emulator
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import (
    Form,
    write_bundle,
)
from tvmedge.cli import main
from tvmedge.compiler.compile import CompileOptions, compile_frontend, compile_model, open_frontend
from tvmedge.compiler.forms import FormChoice
from tvmedge.device.build_server import build_library_server
from tvmedge.errors import BoardError, InputError, ToolError
from tvmedge.model.load import load
from tvmedge.targeting import TargetSpec, target

pytestmark = pytest.mark.usefixtures("clean")
IN, OUT = "input/x:0", "output/y:0"
COPY, TRAP, SEGFAULT, HANG, REFUSE = range(5)
EMULATED = ["raspberry-pi-4b", "raspberry-pi-2", "cortex-m7", "cortex-m55", "hexagon-v67"]
BOARDS = [("local", "host"), *(("emulated", name) for name in EMULATED)]


def _require_emulator(spec: TargetSpec) -> None:
    if spec.emulator:
        try:
            require_emulator(spec)
        except ToolError as error:
            pytest.skip(str(error))


def _asking(what: int) -> dict[str, np.ndarray]:
    return {IN: np.full(SIZE, what, "float32")}


@pytest.fixture(params=BOARDS, ids=[name for _, name in BOARDS])
def board(request: pytest.FixtureRequest) -> tuple[str, str]:
    address, name = request.param
    _require_emulator(target(name))
    return address, name


def test_a_library_runs(board: tuple[str, str], make_library: Callable[[str], Path]) -> None:
    address, name = board
    with open_session(parse_address(address), make_library(name)) as session:
        for seed in range(3):
            x = np.random.default_rng(seed).random(SIZE).astype("float32") + 9
            np.testing.assert_array_equal(session.run({IN: x})[OUT], x)
        samples = session.time(5)
        assert len(samples) == 5 and all(0 < sample < 1000 for sample in samples)


def test_instructions_of_a_run_are_counted(
    make_library: Callable[[str], Path], tmp_path: Path
) -> None:
    name = "raspberry-pi-4b"
    _require_emulator(target(name))
    x = _asking(9)
    one, other = (count_bundle(make_library(name), x, tmp_path) for _ in range(2))
    assert all(SIZE < count.instructions < 100_000 for count in (one, other))
    # What a pipe holds when it is read differs, and so does how often the server reads it.
    assert one.runs * abs(one.instructions - other.instructions) < 2_000
    np.testing.assert_array_equal(one.outputs[OUT], x[IN])


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (TRAP, r"running.* \(signal SIG(ILL|TRAP|SEGV)\)|\(signal SIGTRAP\) while running"),
        (SEGFAULT, r"The model crashed while running on board '.*'.* \(signal SIGSEGV\)"),
        (REFUSE, "refused its arguments"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    board: tuple[str, str], make_library: Callable[[str], Path], what: int, sentence: str
) -> None:
    address, name = board
    with (
        open_session(parse_address(address), make_library(name)) as session,
        pytest.raises(BoardError, match=sentence),
    ):
        session.run(_asking(what))


@pytest.mark.parametrize("name", ["raspberry-pi-4b", "raspberry-pi-2"])
def test_the_kernel_at_the_end_is_named(name: str, make_library: Callable[[str], Path]) -> None:
    _require_emulator(target(name))
    bundle, address = make_library(name), parse_address("emulated")
    with (
        open_session(address, bundle) as session,
        pytest.raises(BoardError, match=r"'emulated' in kernel second \(signal SIGSEGV\)"),
    ):
        session.run(_asking(COPY))
        session.run(_asking(SEGFAULT))
    with (
        open_session(address, bundle, SessionOptions(timeout_s=1.0)) as session,
        pytest.raises(BoardError, match=r"gave no answer within 1 s .* in kernel second;"),
    ):
        session.run(_asking(HANG))


def test_a_hang_is_ended(board: tuple[str, str], make_library: Callable[[str], Path]) -> None:
    address, name = board
    options = SessionOptions(timeout_s=1.0)
    with (
        open_session(parse_address(address), make_library(name), options) as session,
        pytest.raises(BoardError, match="gave no answer within 1 s"),
    ):
        session.run(_asking(HANG))


def test_a_limit_of_the_command_line_ends_a_session(
    make_library: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _require_emulator(target("raspberry-pi-4b"))
    bundle, hang = str(make_library("raspberry-pi-4b")), tmp_path / "x.npy"
    np.save(hang, _asking(HANG)[IN])
    run = ["run", bundle, "--input", str(hang), "--board", "emulated"]
    assert main([*run, "--limit.wall-seconds", "2"]) == 4
    assert "more wall than the 2 s that a session may use" in capsys.readouterr().err
    assert main([*run, "--limit.memory-mb", "0"]) == 2
    assert "--limit.memory-mb 0: give a whole number from 1" in capsys.readouterr().err
    assert main([*run[:-1], "local", "--limit.memory-mb", "9"]) == 2
    assert "runs no session" in capsys.readouterr().err


def test_a_serial_library_takes_no_threads(make_library: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match="at most 1 threads"):
        open_session(parse_address("local"), make_library("host"), SessionOptions(threads=2))


@pytest.mark.parametrize(
    "name",
    [pytest.param("raspberry-pi-4b", marks=pytest.mark.slow), *EMULATED[1:]],
)
def test_a_compiled_model_passes_its_check_on_emulated_boards(name: str, tmp_path: Path) -> None:
    """Most of them have no TVM runtime at all."""
    spec = target(name)
    _require_emulator(spec)
    options = CompileOptions(form=FormChoice(Form.LIBRARY))
    frontend = open_frontend(load(save(conv_net(), tmp_path / "net.onnx")), options)
    contents = compile_frontend(frontend, spec, options)
    path = tmp_path / "net.tvmedge"
    write_bundle(path, contents)
    assert main(["run", str(path), "--check", "--board", "emulated"]) == 0
    threads = "2" if spec.board.cores > 1 else "1"
    assert main(["profile", str(path), "--board", "emulated", "--threads", threads]) == 0
    others = {weight: array + 1 for weight, array in contents.weights.items()}
    write_bundle(path, dataclasses.replace(contents, weights=others))
    with pytest.raises(BoardError, match="weights are not those"):
        open_session(parse_address("emulated"), path)


@pytest.mark.parametrize(
    "name", [pytest.param("raspberry-pi-4b", marks=pytest.mark.slow), "raspberry-pi-2"]
)
def test_an_emulated_board_runs_on_threads(name: str, tmp_path: Path) -> None:
    """As many as asked for, which give the same."""
    spec = target(name)
    _require_emulator(spec)
    contents = compile_model(load(save(wide_net(), tmp_path / "net.onnx")), spec)
    path = tmp_path / "net.tvmedge"
    write_bundle(path, contents)
    tasks, outputs = [], []
    for threads in (1, 3):
        options = SessionOptions(threads=threads)
        with open_session(parse_address("emulated"), path, options) as session:
            outputs.append(session.run(contents.check_inputs)["y"])
            ours = alive(str(session._process.report.parent))
            boards = [task for pid in ours for task in Path(f"/proc/{pid}/task").iterdir()]
            tasks.append(len(boards))
    assert tasks[1] == tasks[0] + 2
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"", ""),
        (b"\1\2\3", "ended inside a packet"),
        (struct.pack("<Q", 0), "impossible size"),
        (struct.pack("<Q", 1 << 40), "impossible size"),
        (struct.pack("<Q", 2) + b"R0", "no library is loaded"),
        (struct.pack("<Q", 2) + b"L0", "too short"),
        (struct.pack("<QBHHHHQ", 84, 76, 1, 1, 1, 0, 0) + b"x" * 67, "without end"),
        (struct.pack("<QBHHHHQ", 19, 76, 9999, 1, 1, 0, 0) + b"p\n", "too large"),
        (struct.pack("<QBHHHHQ", 19, 76, 1, 1, 65, 0, 0) + b"p\n", "impossible number of threads"),
        (struct.pack("<QBHHHHQ", 19, 76, 1, 1, 2, 3, 0) + b"p\n", "impossible number of threads"),
    ],
)
def test_the_server_survives_what_it_is_sent(sent: bytes, says: str) -> None:
    server = build_library_server(target("host").toolchain.triple)
    done = subprocess.run([str(server)], input=sent, capture_output=True, timeout=10, check=False)
    assert done.returncode == (4 if says else 0)
    assert says in done.stderr.decode()
    assert done.stdout == b"tvmedge-server 1\n"
