"""Costs counted on emulated Hexagons, and what tuning by them finds."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.cpu_kernels import graph
from tests.devices.test_hexagon_kernels import written
from tests.hexagon_kernels import hexagon
from tvmedge.cli import main
from tvmedge.errors import ExitCode, InputError
from tvmedge.targeting import target
from tvmedge.tuning.costs.choose import boardless
from tvmedge.tuning.costs.kind import CostKind, usual
from tvmedge.tuning.costs.packets import Packets
from tvmedge.tuning.costs.source import CandidateError

# Not unrolled, which depends on how many turns there are.
TURNS = '_Pragma("nounroll") for (int i = 0; i < %d; i++) x[i & 31] += i;'


def test_emulators_side_by_side_agree(tmp_path: Path) -> None:
    spec = hexagon()
    kernels = [written(TURNS % turns, spec, tmp_path) for turns in range(3000, 3006)]
    with Packets(spec, slots=2) as source, ThreadPoolExecutor(source.slots) as threads:
        counts = [cost.value for cost in threads.map(source.measure, kernels)]
        assert source.unit == "packets" and "stalls, cache and VTCM" in source.blind
    assert len({after - before for before, after in itertools.pairwise(counts)}) == 1


def test_a_bad_candidate_leaves_the_source_usable(tmp_path: Path) -> None:
    spec = hexagon()
    good = written(TURNS % 100, spec, tmp_path)
    with Packets(spec, slots=1) as source:
        for _ in range(2):
            with pytest.raises(CandidateError, match="crashed"):
                source.measure(written("*(volatile int *)8 = 1;", spec, tmp_path))
            assert source.measure(good).value > 100
    with Packets(spec, slots=1, seconds=1) as source:
        with pytest.raises(CandidateError, match="no answer within 1 s"):
            source.measure(written("for (;;) x[0] += 1;", spec, tmp_path))
        assert source.slots == 1


def test_only_hexagons_have_packets() -> None:
    with pytest.raises(InputError, match="raspberry-pi-4b is none: count instructions"):
        boardless(CostKind.PACKETS, target("raspberry-pi-4b"))
    with pytest.raises(InputError, match=r"hexagon-v68 cannot be emulated .compiled, not executed"):
        boardless(CostKind.PACKETS, target("hexagon-v68"))
    assert usual(target("hexagon-v67")) is CostKind.PACKETS
    assert usual(target("raspberry-pi-4b")) is CostKind.TIME


def test_a_model_is_tuned_by_packets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Candidates run and are checked on the emulator; compile applies what was found, and it is
    right there."""
    hexagon()
    model = tmp_path / "net.onnx"
    weight = np.random.default_rng(0).uniform(-1, 1, (8, 8, 1, 1)).astype(np.float32)
    conv = helper.make_node("Conv", ["x", "w"], ["y"])
    onnx.save(graph([conv], {"x": np.zeros((1, 8, 6, 6), np.float32)}, {"w": weight}, "y"), model)
    common = [str(model), "-t", "hexagon-v67", "--records", str(tmp_path / "records.db")]
    assert main(["tune", *common, "--board", "emulated", "--trials", "4", "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["cost"]["unit"] == "packets" and "which ignores stalls" in captured.err
    assert 0 < document["best"] <= document["untuned"]
    assert main(["compile", *common, "-o", str(tmp_path), "--json"]) == 0
    kernels = json.loads(capsys.readouterr().out)["bundles"][0]["kernels"]
    assert kernels["tuned"] > 0 and not kernels["records"]["refused"]
    bundle = str(tmp_path / "net-hexagon-v67.tvmedge")
    assert main(["run", "--check", bundle, "--board", "emulated"]) == 0


def test_time_is_nothing_to_tune_for_here(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["-t", "hexagon-v67", "--cost", "time", "--trials", "1"]
    assert main(["tune", "none.onnx", *flags]) == ExitCode.USAGE
    capsys.readouterr()
