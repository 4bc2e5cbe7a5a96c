"""``tvmedge tune`` as a user runs it, and what compile makes of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.cpu_kernels import graph
from tvmedge.cli import main
from tvmedge.errors import ExitCode


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = np.random.default_rng(0)
    weights = {
        "w": chance.uniform(-1, 1, (32, 16, 1, 1)).astype(np.float32),
        "d": chance.uniform(-1, 1, (32, 1, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Conv", ["a", "d"], ["y"], pads=[1, 1, 1, 1], group=32),
    ]
    proto = graph(nodes, {"x": np.zeros((1, 16, 14, 14), np.float32)}, weights, "y")
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(proto, path)
    return path


def test_what_is_tuned_compile_applies_and_computes_right(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, log = str(tmp_path / "records.db"), tmp_path / "log.jsonl"
    common = [str(model), "-t", "host", "--records", store]
    report = tmp_path / "out.html"
    written = ["--log", str(log), "--report", str(report)]
    assert main(["tune", *common, "--trials", "10", *written, "--json"]) == 0
    assert "after 10 trials in" in report.read_text()
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["trials"] == 10
    assert document["best"] <= document["untuned"]
    assert "which ignores caches that still hold more than the first tensor" in captured.err
    assert [json.loads(line)["type"] for line in log.read_bytes().splitlines()].count("tried") == 10
    assert main(["compile", *common, "-o", str(tmp_path), "--json"]) == 0
    kernels = json.loads(capsys.readouterr().out)["bundles"][0]["kernels"]
    assert kernels["tuned"] == len(document["tasks"]) > 0
    assert not kernels["records"]["refused"]
    assert main(["run", "--check", str(tmp_path / "small-host.tvmedge")]) == 0
    assert main(["tune", *common, "--trials", "4", "--seed", "1"]) == 0
    assert re.search(r"begins with what \d+ stored candidates teach", capsys.readouterr().out)


@pytest.mark.slow
def test_interrupted_it_stores_what_it_has_and_says_how_to_go_on(
    model: Path, tmp_path: Path
) -> None:
    store = str(tmp_path / "records.db")
    command = ["tune", str(model), "-t", "host", "--records", store, "--trials", "5000"]
    log = tmp_path / "log.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "tvmedge", *command, "--log", str(log)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        while not log.exists() or log.read_bytes().count(b'"tried"') < 3:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == ExitCode.INTERRUPTED
    assert "run the same command with --resume to go on" in said
    done = log.read_bytes().count(b'"tried"')
    assert main([*command[:-1], str(done), "--resume"]) == 0


@pytest.mark.slow
def test_metaschedule_is_there_for_comparison(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["tune", str(model), "-t", "host", "--space", "stock", "--trials", "16", "--json"]
    assert main(command) == 0
    rows = json.loads(capsys.readouterr().out)["tasks"]
    assert sum(row["trials"] for row in rows) == 16  # what a small space leaves is the next one's
    assert all(row["untuned"] > 0 and row["stock"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-t", "raspberry-pi-4b"], "give --board, or use --cost"),
        (["-t", "host", "--cost", "model", "--board", "local"], "leave one out"),
        (["-t", "host", "--time", "soon"], "give a number and s, m or h"),
        (["-t", "raspberry-pi-4b", "--space", "stock", "--cost", "model"], "use -t host"),
        (["-t", "host", "--trials", "0"], "at least 1"),
        (["-t", "host", "--builders", "0"], "give a number of processes from 1, or dask://"),
        (["-t", "host", "--builders", "http://host:1"], "as dask://HOST:PORT"),
        (["-t", "host", "--records", "none"], "needs a store"),
    ],
)
def test_bad_flags_are_a_sentence(
    model: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(model), *flags]) == ExitCode.USAGE
    assert message in capsys.readouterr().err


def test_open_sizes_are_to_be_fixed_first(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proto = onnx.load(model)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(proto, tmp_path / "open.onnx")
    flags = ["-t", "host", "--records", str(tmp_path / "records.db")]
    assert main(["tune", str(tmp_path / "open.onnx"), *flags]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "Model 'open' has no kernel that can be tuned (its sizes are open)" in said
    assert "fix them by --input" in said
