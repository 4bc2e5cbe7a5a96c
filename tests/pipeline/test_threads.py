"""Threads compute the same as one does, and rest when there is nothing to do."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.onnx_models import conv_net, save
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.cli import main

SPIN_S = 0.16  # what TVM's threads spend after a run if they are left to


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution that is worth two threads."""
    folder = tmp_path_factory.mktemp("threads")
    net = save(conv_net(batch="N", channels=64), folder / "net.onnx")
    shape = "in:0:16x3x16x16"
    arguments = ["compile", str(net), "-t", "host", "-o", str(folder), "--input", shape]
    assert main([*arguments, "--form", "vm"]) == 0
    return folder / "net-host.tvmedge"


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_two_threads_give_the_same_and_then_sleep(bundle: Path) -> None:
    x = np.random.default_rng(0).random((16, 3, 16, 16)).astype(np.float32)
    results = {}
    for threads in (1, 2, 3):
        options = SessionOptions(threads=threads)
        with open_session(parse_address("local"), bundle, options) as session:
            results[threads] = session.run({"in:0": x})["out/0"]
            process = session._process._process.pid
            assert len(list(Path(f"/proc/{process}/task").iterdir())) >= threads
            before = _cpu_seconds(process)
            time.sleep(0.4)
            assert _cpu_seconds(process) - before < SPIN_S / 3
    for threads in (2, 3):
        np.testing.assert_array_equal(results[threads], results[1])
