"""Kernels without a rule of the GPU's: on the CPU beside it, with copies that are said."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from onnx import helper

from tests.devices.parts import Board, listening
from tests.onnx_models import model, save, tensor
from tvmedge.bundle import read_bundle
from tvmedge.cli import main
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.targeting import target
from tvmedge.types import CpuKernel

STEPS, IN, HIDDEN = 5, 4, 64  # weights large enough to be lifted out of the code


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An LSTM between kernels of the GPU."""
    random = np.random.default_rng(0)
    weights = {
        "w": random.uniform(-1, 1, (1, 4 * HIDDEN, IN)).astype(np.float32),
        "r": random.uniform(-1, 1, (1, 4 * HIDDEN, HIDDEN)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("LSTM", ["a", "w", "r"], ["b"], hidden_size=HIDDEN),
        helper.make_node("Sigmoid", ["b"], ["y"]),
    ]
    shapes = [tensor("x", [STEPS, 1, IN])], [tensor("y", [STEPS, 1, 1, HIDDEN])]
    return save(model(nodes, *shapes, weights), tmp_path_factory.mktemp("net") / "net.onnx")


@pytest.mark.usefixtures("programs")
def test_both_compute_a_model(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", str(net), "-t", "host-opencl", "-o", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    bundle = tmp_path / "net-host-opencl.tvmedge"
    manifest = read_bundle(bundle).manifest
    (kernel,) = manifest.code.on_cpu
    results = STEPS * HIDDEN + 2 * HIDDEN  # all steps, and the last state
    assert isinstance(kernel, CpuKernel) and kernel.bytes_to_gpu == 4 * results
    assert kernel.bytes_to_cpu is not None and kernel.bytes_to_cpu > 4 * 4 * HIDDEN * HIDDEN
    copied = f"{kernel.bytes_to_cpu} bytes go there and {kernel.bytes_to_gpu} back"
    assert f"{kernel.name} runs on the CPU, as no rule puts it on the GPU: {copied}" in said.err
    assert json.loads(said.out)["bundles"][0]["on_cpu"][0]["name"] == kernel.name
    assert main(["run", str(bundle), "--check", "--json"]) == 0
    said = capsys.readouterr()
    traffic = json.loads(said.out)["gpu_traffic"]
    assert traffic.pop("milliseconds") > 0
    assert traffic == {
        "copied_to_cpu": 0,
        "copied_to_gpu": 0,
        "shared_to_cpu": kernel.bytes_to_cpu,
        "shared_to_gpu": kernel.bytes_to_gpu,
    }
    assert "nothing is copied, as the driver maps the GPU's memory" in said.err
    page = tmp_path / "page.html"
    words = ["profile", str(bundle), "--repetitions", "2", "--report", str(page), "--json"]
    assert main(words) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["gpu_traffic"]["shared_to_gpu"] == kernel.bytes_to_gpu
    assert "nothing is copied" in said.err
    assert "1 kernel runs on the CPU" in page.read_text(encoding="utf-8")
    kernels = document["per_op"]["kernels"]
    copies = [one for one in kernels if one["role"] == "copies to or from the GPU"]
    moved = kernel.bytes_to_cpu + kernel.bytes_to_gpu
    assert sum(one["moved_bytes"] for one in copies) == moved
    assert all(one["ms"] > 0 for one in copies)
    calls = sum(one["calls"] for one in copies)
    assert f"ms, {moved} bytes in {calls} calls" in said.err


@pytest.mark.usefixtures("programs")
def test_memory_that_is_not_shared(
    net: Path,
    failing_driver: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["compile", str(net), "-t", "host-opencl", "-o", str(tmp_path)]) == 0
    bundle = tmp_path / "net-host-opencl.tvmedge"
    (kernel,) = read_bundle(bundle).manifest.code.on_cpu
    capsys.readouterr()
    server = str(cached_board(target("host-opencl")) / SERVER)
    monkeypatch.setenv("TVMEDGE_OPENCL_LIBRARY", failing_driver)
    monkeypatch.setenv("FAILING_DRIVER", "apart:1")
    with listening(Board("apart", (server,))) as port:
        for board in ("local", f"tvm://127.0.0.1:{port}"):
            assert main(["run", str(bundle), "--check", "--json", "--board", board]) == 0
            said = capsys.readouterr()
            traffic = json.loads(said.out)["gpu_traffic"]
            assert traffic["copied_to_cpu"] == kernel.bytes_to_cpu
            assert traffic["copied_to_gpu"] == kernel.bytes_to_gpu
            assert traffic["shared_to_cpu"] == traffic["shared_to_gpu"] == 0
            assert "bytes are copied, as the driver does not map" in said.err


def test_a_mali_has_its_own_cpu_s_code(net: Path, tmp_path: Path) -> None:
    assert main(["compile", str(net), "-t", "mali-g610", "-o", str(tmp_path)]) == 0
    made = read_bundle(tmp_path / "net-mali-g610.tvmedge")
    assert len(made.manifest.code.on_cpu) == 1
    assert ELFFile(io.BytesIO(bytes(made.code()))).get_machine_arch() == "AArch64"


def test_what_a_gpu_has_rules_for_stays_there(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    net = save(model(nodes, [tensor("x", [4, 8])], [tensor("y", [4, 8])]), tmp_path / "relu.onnx")
    assert main(["compile", str(net), "-t", "host-opencl", "-o", str(tmp_path)]) == 0
    assert read_bundle(tmp_path / "relu-host-opencl.tvmedge").manifest.code.on_cpu == ()
