"""``tvmedge tune`` for a board that is not here, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.cpu_kernels import graph
from tvmedge.cli import main
from tvmedge.targeting import TargetSpec


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    weight = np.random.default_rng(0).uniform(-1, 1, (16, 8, 1, 1)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(graph([node], {"x": np.zeros((1, 8, 6, 6), np.float32)}, {"w": weight}, "y"), path)
    return path


@pytest.mark.parametrize(
    ("how", "source"),
    [
        (["--cost", "instructions"], "instructions cortex-a72"),
        (["--board", "emulated"], "wall-time emulated"),
        pytest.param(
            ["--cost", "model"],
            "cycles cortex-a72 by llvm-mca cortex-a57 2",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_is_tuned_with_no_board_runs_on_one(
    how: list[str],
    source: str,
    model: Path,
    pi: TargetSpec,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    common = [str(model), "-t", pi.name, "--records", str(tmp_path / "records.db")]
    assert main(["tune", *common, "--trials", "5", *how, "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["cost"]["source"] == source
    assert f"which ignores {document['cost']['ignores']}" in captured.err
    assert 0 < document["best"] <= document["untuned"]
    assert main(["compile", *common, "-o", str(tmp_path), "--json"]) == 0
    kernels = json.loads(capsys.readouterr().out)["bundles"][0]["kernels"]
    assert kernels["tuned"] > 0
    bundle = tmp_path / f"small-{pi.name}.tvmedge"
    assert main(["run", "--check", "--board", "emulated", str(bundle)]) == 0
