"""What an emulated board needs, and what is said where it is missing or too old."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.hexagon_kernels import build, bytes_sum, hexagon, run
from tests.onnx_models import conv_net, save
from tvmedge.boards.address import parse_address
from tvmedge.boards.emulated import require_emulator
from tvmedge.boards.session import open_session
from tvmedge.boards.up import bring_up
from tvmedge.bundle import write_bundle
from tvmedge.cli import main
from tvmedge.compiler.compile import compile_model
from tvmedge.device.qemu import fetch_qemu, qemu
from tvmedge.errors import BoardError, ExitCode, InputError, ToolError
from tvmedge.model.load import load
from tvmedge.targeting import target, target_names


def test_a_board_comes_up_and_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    command = require_emulator(hexagon())
    assert main(["board", "up", "hexagon-v67", "--json"]) == 0
    board = json.loads(capsys.readouterr().out)["boards"]["hexagon-v67"]
    assert board == {"command": command, "tried": True}
    said = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=True)
    assert int(said.stdout.split("version ")[1].split(".")[0]) >= 10


def _old(folder: Path) -> None:
    """A folder with a QEMU of another day."""
    program = folder / "qemu-hexagon"
    program.write_text("#!/bin/sh\necho qemu-hexagon version 7.2.22\n", encoding="ascii")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("old", "said"),
    [
        (True, "qemu-hexagon is version 7 here and has to be 10 or newer"),
        (False, "qemu-hexagon is not installed here and has to be 10 or newer"),
    ],
)
def test_a_missing_or_old_qemu_is_a_sentence(
    old: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if old:
        _old(tmp_path)
    spec = target("hexagon-v67")
    with pytest.raises(ToolError, match=f"{said}: run 'tvmedge board up hexagon-v67' once"):
        require_emulator(spec)
    assert spec.emulator is not None
    with pytest.raises(ToolError, match="Cannot start apt-get"):
        fetch_qemu(spec, spec.emulator)


def test_a_new_enough_qemu_is_used_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _old(tmp_path)
    spec = target("hexagon-v67")
    assert spec.emulator is not None
    assert qemu(spec, dataclasses.replace(spec.emulator, version=7)) == tmp_path / "qemu-hexagon"


def test_a_board_that_runs_nothing_is_a_sentence(tmp_path: Path) -> None:
    spec = hexagon()
    assert spec.emulator is not None
    broken = dataclasses.replace(spec.emulator, cpu="v1")
    with pytest.raises(BoardError, match=r"hexagon-v67 does not run programs: .* exit code"):
        bring_up(dataclasses.replace(spec, emulator=broken))


def test_what_cannot_come_up_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "up", "mali-g78"]) == ExitCode.USAGE
    assert "mali-g78 cannot be emulated" in capsys.readouterr().err
    assert main(["board", "up"]) == ExitCode.USAGE
    assert "Name the targets" in capsys.readouterr().err


HEXAGONS = [name for name in target_names() if name.startswith("hexagon")]
ALWAYS = ("hexagon-v67", "hexagon-v68", "hexagon-v73-emulated")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in ALWAYS else pytest.mark.slow) for n in HEXAGONS],
)
def test_every_hexagon_compiles_and_runs_where_it_can(name: str, tmp_path: Path) -> None:
    """Float kernels and one of integer vectors, for every core; those since V68 without their
    float vectors."""
    spec = target(name)
    model = load(save(conv_net(), tmp_path / "net.onnx"))
    path = tmp_path / "net.tvmedge"
    contents = compile_model(model, spec)
    write_bundle(path, contents)
    kernel = build(bytes_sum(16), spec)
    if not spec.emulated:
        with pytest.raises(InputError, match="compiled, not executed"):
            open_session(parse_address("emulated"), path)
        return
    hexagon(name)
    assert main(["run", str(path), "--check", "--board", "emulated"]) == 0
    given = np.arange(16 * 128, dtype=np.uint8).reshape(16, 128)
    ran = run(kernel, [given, given], spec)
    np.testing.assert_array_equal(ran.output, given + given)
    assert ran.counts.vector_instructions >= 4 * 16
