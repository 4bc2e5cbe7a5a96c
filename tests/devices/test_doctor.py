"""What the doctor finds of boards that are here: each link in its order, and what to do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tvmedge.boards import reach_here
from tvmedge.boards.emulated import require_emulator
from tvmedge.cli import main
from tvmedge.errors import ToolError
from tvmedge.targeting import target

pytestmark = pytest.mark.usefixtures("clean")
CONFINED = "confined: files, memory, network, processes, user"


def _found(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert all(finding["ok"] for finding in findings)
    return {finding["name"]: finding["detail"] for finding in findings}


def test_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--board", "local", "--json"]) == 0
    found = _found(capsys)
    assert list(found) == ["versions", "CPU", "runtime", "worker"]
    assert "confined by nothing" in found["worker"]


@pytest.mark.parametrize(
    ("name", "links"),
    [
        ("raspberry-pi-4b", ["emulator", "programs", "TVM's runtime", "session"]),
        ("raspberry-pi-2", ["emulator", "programs", "session"]),
        ("hexagon-v67", ["emulator", "programs", "session"]),
    ],
)
def test_what_is_emulated(
    emulated_spec: object, capsys: pytest.CaptureFixture[str], name: str, links: list[str]
) -> None:
    try:
        require_emulator(target(name))
    except ToolError as error:
        pytest.skip(str(error))
    assert main(["doctor", "--board", "emulated", "-t", name, "--json"]) == 0
    found = _found(capsys)
    assert list(found) == links
    assert CONFINED in found["session"]


def test_what_is_missing_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["doctor", "--board", "emulated", "-t", "raspberry-pi-4b"]
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert main(words) == 4
    assert "apt-get install qemu-user" in capsys.readouterr().out
    monkeypatch.setattr(reach_here, "_LOAD", "raise SystemExit('libtvm_runtime.so is cut short')")
    assert main(["doctor", "--board", "local"]) == 4
    said = capsys.readouterr().out
    assert said.splitlines()[-1].startswith("MISSING  the way there: TVM's runtime does not load")
    assert "libtvm_runtime.so is cut short. Install tvmedge again." in said


def test_a_worker_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program = tmp_path / "python"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *worker*) exit 3;; esac\nexec {sys.executable} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert main(["doctor", "--board", "local"]) == 4
    assert "The process that runs models does not answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--board", "emulated"], "name what to imitate by --target (valid: "),
        (["--board", "local", "-t", "host"], "--target is for --board emulated"),
        (["-t", "host"], "--target is for --board emulated"),
    ],
)
def test_bad_flags_are_a_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["doctor", *words]) == 2
    assert said in capsys.readouterr().err
