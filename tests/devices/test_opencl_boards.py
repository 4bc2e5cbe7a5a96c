"""Bundles for a GPU on boards: packed folders, servers on this machine, an emulated board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import helper

from tests.devices.parts import Board, listening
from tests.onnx_models import model, save, tensor
from tvmedge.boards.address import parse_address
from tvmedge.boards.check import check
from tvmedge.boards.emulated import require_emulator
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import read_bundle, write_bundle
from tvmedge.compiler.compile import compile_model
from tvmedge.device.pack import OPENCL, SERVER, cached_board, pack_board
from tvmedge.device.pocl import pocl_options
from tvmedge.errors import BoardError, InputError, ToolError
from tvmedge.model.load import load
from tvmedge.targeting import target

MALI = "mali-g610"


@pytest.fixture(scope="module")
def bundle_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A bundle of one kernel for a target."""
    folder = tmp_path_factory.mktemp("gpu")
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    relu = save(model(nodes, [tensor("x", [4, 8])], [tensor("y", [4, 8])]), folder / "relu.onnx")

    def make(name: str) -> Path:
        path = folder / f"{name}.tvmedge"
        if not path.is_file():
            write_bundle(path, compile_model(load(relu), target(name)))
        return path

    return make


def _checked(board: Board, bundle: Path) -> bool:
    with (
        listening(board) as port,
        open_session(parse_address(f"tvm://127.0.0.1:{port}"), bundle) as session,
    ):
        assert all(ms > 0 for ms in session.time(3))
        return check(session, read_bundle(bundle)).ok


@pytest.mark.usefixtures("programs")
def test_a_packed_folder_runs_kernels(bundle_for: Callable[[str], Path], tmp_path: Path) -> None:
    report = pack_board(target("host-opencl"), tmp_path / "board")
    assert {SERVER, OPENCL} <= {file.path for file in report.files}
    assert "libmali.so" in (tmp_path / "board/README").read_text(encoding="utf-8")
    server = Board("packed", (str(tmp_path / "board" / SERVER),))
    assert _checked(server, bundle_for("host-opencl"))


def test_a_board_without_a_driver(bundle_for: Callable[[str], Path]) -> None:
    server = str(cached_board(target("host-opencl")) / SERVER)
    board = Board("bare", ("env", "TVMEDGE_OPENCL_LIBRARY=/nonexistent.so", server))
    with pytest.raises(BoardError, match="no OpenCL device on the board: no OpenCL driver could"):
        _checked(board, bundle_for("host-opencl"))


def test_a_server_of_a_board_without_a_gpu(bundle_for: Callable[[str], Path]) -> None:
    board = Board("cpu", (str(cached_board(target("host")) / SERVER),))
    with pytest.raises(BoardError, match="server has no OpenCL runtime: use the folder"):
        _checked(board, bundle_for("host-opencl"))


def test_a_mali_is_emulated_by_pocl(bundle_for: Callable[[str], Path]) -> None:
    """The server, our runtime and PoCL, all aarch64, as one process under QEMU."""
    spec = target(MALI)
    try:
        require_emulator(spec)
        pocl_options(spec)
        cached_board(spec)
    except ToolError as error:
        pytest.skip(str(error))
    bundle = read_bundle(bundle_for(MALI))
    patient = SessionOptions(timeout_s=300)
    with open_session(parse_address("emulated"), bundle, patient) as session:
        assert check(session, bundle).ok


def test_an_emulated_mali_without_pocl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ToolError, match=r"PoCL for aarch64.* is not on this machine: run 'tvm"):
        pocl_options(target(MALI))


def test_this_machine_is_not_emulated(bundle_for: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match="cannot be emulated: run it with --board local"):
        open_session(parse_address("emulated"), bundle_for("host-opencl"))
