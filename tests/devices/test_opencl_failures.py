"""What a GPU's driver may do in the middle of things: each is a sentence and exit code 4."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from onnx import helper

from tests.devices.parts import Board, listening
from tests.onnx_models import model, save, tensor
from tvmedge.cli import main
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.targeting import target

TARGET = "host-opencl"
ANSWERS = [
    ("lost:2", "could not be started on .*: the device was lost"),
    ("groups:16", "wants groups of .* items, .* takes at most 16"),
    ("build:1", "does not build for .*: internal error of the shader compiler"),
]

pytestmark = pytest.mark.usefixtures("programs")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some kernels, one after the other."""
    folder = tmp_path_factory.mktemp("net")
    nodes = [
        helper.make_node("Softmax", ["x"], ["a"]),
        helper.make_node("Softmax", ["a"], ["b"], axis=0),
        helper.make_node("Softmax", ["b"], ["y"]),
    ]
    shapes = [tensor("x", [64, 48])], [tensor("y", [64, 48])]
    net = save(model(nodes, *shapes), folder / "net.onnx")
    assert main(["compile", str(net), "-t", TARGET, "-o", str(folder)]) == 0
    return folder / f"net-{TARGET}.tvmedge"


@pytest.mark.parametrize(("how", "reason"), ANSWERS)
def test_here(
    how: str,
    reason: str,
    failing_driver: str,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TVMEDGE_OPENCL_LIBRARY", failing_driver)
    monkeypatch.setenv("TVMEDGE_OPENCL_CACHE", str(tmp_path))
    assert main(["run", str(bundle), "--check"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("FAILING_DRIVER", how)
    monkeypatch.setenv("TVMEDGE_OPENCL_CACHE", str(tmp_path / "none"))
    assert main(["run", str(bundle), "--check"]) == 4
    _one_sentence(reason, capsys.readouterr().err)


@pytest.mark.parametrize(("how", "reason"), ANSWERS[:1])
def test_on_a_board(
    how: str, reason: str, failing_driver: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = str(cached_board(target(TARGET)) / SERVER)
    settings = f"TVMEDGE_OPENCL_LIBRARY={failing_driver}", f"FAILING_DRIVER={how}"
    with listening(Board("failing", ("env", *settings, server))) as port:
        address = f"tvm://127.0.0.1:{port}"
        assert main(["run", str(bundle), "--check", "--board", address]) == 4
    _one_sentence(reason, capsys.readouterr().err)


def _one_sentence(reason: str, error: str) -> None:
    assert "Traceback" not in error
    (line,) = [x for x in error.splitlines() if x.startswith("tvmedge: ")]
    assert re.search(reason, line), line
