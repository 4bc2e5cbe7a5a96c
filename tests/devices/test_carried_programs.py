"""The program in a bundle for a board that loads no libraries is what runs there."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.hexagon_kernels import hexagon
from tests.onnx_models import conv_net, save
from tvmedge.boards import emulated
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import BundleContents, ProgramInfo, read_bundle, write_bundle
from tvmedge.cli import main
from tvmedge.compiler.compile import compile_model
from tvmedge.errors import ExitCode
from tvmedge.model.load import load
from tvmedge.targeting import target

NAME = "hexagon-v67"


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> BundleContents:
    net = save(conv_net(), tmp_path_factory.mktemp("net") / "net.onnx")
    return compile_model(load(net), target(NAME))


def _runs(contents: BundleContents, path: Path) -> None:
    write_bundle(path, contents)
    with open_session(parse_address("emulated"), path) as session:
        got = session.run(contents.check_inputs)
    for name, want in contents.check_outputs.items():
        assert np.abs(got[name] - want).max() <= contents.check.tolerance * np.abs(want).max()


@pytest.fixture
def no_linker(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a program was linked")

    monkeypatch.setattr(emulated, "link_server", refuse)


@pytest.mark.usefixtures("no_linker")
def test_nothing_is_linked_to_run_it(
    contents: BundleContents, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hexagon(NAME)
    with caplog.at_level(logging.WARNING):
        _runs(contents, tmp_path / "net.tvmedge")
    assert "linked here" not in caplog.text


def test_without_one_or_with_another_server_it_is_linked_and_said(
    contents: BundleContents, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hexagon(NAME)
    code = dataclasses.replace(contents.code, program=None)
    older = dataclasses.replace(contents, code=code, program=None)
    with caplog.at_level(logging.WARNING):
        _runs(older, tmp_path / "older.tvmedge")
    assert "older.tvmedge' holds no program (another tvmedge made it), so it is" in caplog.text
    assert contents.code.program is not None
    info = ProgramInfo(contents.code.program.file, "0" * 64)
    # Never started: it is no program.
    other = dataclasses.replace(
        contents, code=dataclasses.replace(contents.code, program=info), program=b"another"
    )
    with caplog.at_level(logging.WARNING):
        _runs(other, tmp_path / "other.tvmedge")
    assert "other.tvmedge' holds a program with another server" in caplog.text


def test_a_damaged_program_is_refused(
    contents: BundleContents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.tvmedge"
    write_bundle(path, contents)
    assert contents.program is not None
    content = bytearray(path.read_bytes())
    content[content.index(contents.program) + len(contents.program) // 2] ^= 1
    path.write_bytes(content)
    assert main(["run", str(path), "--board", "emulated", "--check"]) == ExitCode.TRUST
    assert "in the file 'code/program'" in capsys.readouterr().err


@pytest.mark.usefixtures("no_linker")
def test_its_folder_is_packed(
    contents: BundleContents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "net.tvmedge", tmp_path / "board"
    write_bundle(path, contents)
    arguments = ["board", "pack", NAME, "--bundle", str(path), "-o", str(out)]
    assert main(arguments) == main(arguments) == 0  # an own folder is replaced
    names = {"README", "SHA256SUMS", "tvmedge-server", "weights.safetensors"}
    assert {file.name for file in out.iterdir()} == names
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=out, check=True)
    assert (out / "tvmedge-server").read_bytes() == contents.program
    assert (out / "weights.safetensors").read_bytes() == read_bundle(path).weights_file()
    done = subprocess.run(
        [*emulated.require_emulator(hexagon(NAME)), out / "tvmedge-server"],
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0  # nobody asks anything
    capsys.readouterr()


def test_what_cannot_be_packed_says_why(
    contents: BundleContents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "net.tvmedge", tmp_path / "board"
    code = dataclasses.replace(contents.code, program=None)
    write_bundle(path, dataclasses.replace(contents, code=code, program=None))
    pack = ["board", "pack"]
    for arguments, why in (
        ([NAME, "--bundle", str(path)], "carries no program: compile the model again"),
        (["hexagon-v66", "--bundle", str(path)], "is for hexagon-v67, not hexagon-v66"),
        ([NAME], "its programs are linked with the model: give --bundle FILE"),
        ([NAME, "--bundle", str(path), "--extra"], "leave --form and --extra out"),
    ):
        assert main([*pack, *arguments, "-o", str(out)]) == ExitCode.USAGE
        assert why in capsys.readouterr().err
    assert not out.exists()
