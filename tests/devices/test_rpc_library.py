"""Freestanding libraries on TVM's RPC servers: stock ones, and ours that listen."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.devices.parts import SIZE, Board, listening, trouble_library
from tests.onnx_models import conv_net, save
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import BundleContents, write_bundle
from tvmedge.cli import main
from tvmedge.compiler.compile import CompileOptions, compile_model
from tvmedge.compiler.forms import FormChoice
from tvmedge.device.build_server import build_rpc_library
from tvmedge.errors import BoardError, InputError, TrustError
from tvmedge.model.load import load
from tvmedge.targeting import target

pytestmark = pytest.mark.usefixtures("clean")
IN, OUT = "input/x:0", "output/y:0"
SEGFAULT, REFUSE = 2, 4
THREADS = 2


@contextmanager
def stock() -> Iterator[str]:
    """The address of a stock server."""
    script = Path(__file__).with_name("stock_server.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, start_new_session=True
    ) as server:
        assert server.stdout is not None
        try:
            yield f"tvm://127.0.0.1:{int(server.stdout.readline())}/stock"
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def _compiled(folder: Path, name: str) -> BundleContents:
    """A convolution for two threads, with weights of its own."""
    net = load(save(conv_net(), folder / "net.onnx"))
    return compile_model(net, target(name), CompileOptions(form=FormChoice(threads=THREADS)))


def _same_as_here(path: Path, address: str) -> None:
    """Whether a bundle gives there what it gives in this machine's process, bit for bit."""
    generator = np.random.default_rng(3)
    inputs = [
        {"in:0": generator.standard_normal((1, 3, 16, 16)).astype("float32")} for _ in range(2)
    ]
    for threads in (None, THREADS):
        options = SessionOptions(threads=threads)
        with (
            open_session(parse_address("local"), path, options) as here,
            open_session(parse_address(address), path, options) as there,
        ):
            for given in inputs * 2:
                want, got = here.run(given)["out/0"], there.run(given)["out/0"]
                assert want.tobytes() == got.tobytes()
            samples = there.time(4)
            assert len(samples) == 4 and all(0 < sample < 1000 for sample in samples)


def test_a_library_runs_on_a_stock_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.tvmedge"
    contents = _compiled(tmp_path, "host")
    write_bundle(path, contents)
    with stock() as address:
        _same_as_here(path, address)
        assert main(["run", str(path), "--check", "--board", address]) == 0
        assert main(["profile", str(path), "--repetitions", "5", "--board", address]) == 0
        assert main(["profile", str(path), "--per-op", "--board", address]) == 2
        assert "does not tell a library's kernels apart" in capsys.readouterr().err
        others = {name: array + 1 for name, array in contents.weights.items()}
        write_bundle(path, dataclasses.replace(contents, weights=others))
        with pytest.raises(TrustError, match="not those its library was made for"):
            open_session(parse_address(address), path)


def test_a_library_runs_on_our_server_that_listens(
    board: Board, make_library: Callable[[str], Path]
) -> None:
    with listening(board) as port:
        address = parse_address(f"tvm://127.0.0.1:{port}")
        bundle = make_library(board.name)
        with open_session(address, bundle) as session:
            x = np.random.default_rng(4).random(SIZE).astype("float32") + 9
            np.testing.assert_array_equal(session.run({IN: x})[OUT], x)
            assert len(session.time(3)) == 3
            with pytest.raises(BoardError, match="refused its arguments"):
                session.run({IN: np.full(SIZE, REFUSE, "float32")})
        with (
            open_session(address, bundle) as session,
            pytest.raises(BoardError, match="while running the model"),
        ):
            session.run({IN: np.full(SIZE, SEGFAULT, "float32")})


def test_what_a_server_cannot_load_is_refused(
    make_library: Callable[[str], Path], tmp_path: Path
) -> None:
    spec, path = target("host"), tmp_path / "bad.tvmedge"
    bad = dataclasses.replace(trouble_library(spec, tmp_path), library=b"\x7fELF but no more")
    write_bundle(path, bad)
    with stock() as address:
        with pytest.raises(BoardError, match="its loader does not take it"):
            open_session(parse_address(address), path)
        with pytest.raises(InputError, match="which a TVM RPC server cannot load"):
            open_session(parse_address(address), make_library("cortex-m7"))


def test_phones_take_it_too() -> None:
    """What the server loads needs no C library here: zig has none for Android."""
    for name in ("pixel-8", "raspberry-pi-2"):
        assert build_rpc_library(target(name).toolchain).read_bytes().startswith(b"\x7fELF")
