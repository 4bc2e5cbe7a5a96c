"""What an emulated Hexagon executed, of whole models and of their kernels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.hexagon_kernels import hexagon
from tests.onnx_models import conv_net, save
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import write_bundle
from tvmedge.cli import main
from tvmedge.compiler.compile import compile_model
from tvmedge.errors import BoardError
from tvmedge.model.load import load
from tvmedge.profiling.packets import packet_profile
from tvmedge.types import PACKETS_IGNORE, Counts, KernelCounts


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("net")
    contents = compile_model(load(save(conv_net(), folder / "net.onnx")), hexagon())
    write_bundle(folder / "net.tvmedge", contents)
    return folder / "net.tvmedge"


def test_kernels_sum_up_to_the_run(net: Path) -> None:
    """The driver adds little, and counts are the same at every run."""
    with open_session(parse_address("emulated"), net) as session:
        assert session.counts_packets
        for _ in range(2):
            session.run({"in:0": np.ones((1, 3, 16, 16), np.float32)})
            assert session.last_counts().packets > 1000
        calls = session.kernel_counts()
        assert calls == session.kernel_counts()
        profile = packet_profile(calls)
        rest = session.last_counts().packets - profile.total.packets
        assert abs(rest) < 0.02 * profile.total.packets
    assert len(calls) > 1 and all(call.kernel and call.counts.packets for call in calls)
    assert all(c.counts.packets < c.counts.instructions < 4 * c.counts.packets for c in calls)


def test_packets_are_shown_with_what_they_ignore(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", str(net), "--board", "emulated", "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    packets = document["packets"]
    assert packets["ignores"] == PACKETS_IGNORE and PACKETS_IGNORE in captured.err
    assert document["latency"]["repetitions"] == 1
    assert packets["scalar_share"] == pytest.approx(1)
    assert sum(kernel["packets"] for kernel in packets["kernels"]) == packets["packets"]
    assert main(["run", str(net), "--check", "--board", "emulated", "--json"]) == 0
    captured = capsys.readouterr()
    assert PACKETS_IGNORE in captured.err
    counted = json.loads(captured.out)["packets"]["packets"]
    assert counted == pytest.approx(packets["packets"], rel=0.02)


def test_elsewhere_nobody_counts(make_library: Callable[[str], Path]) -> None:
    with open_session(parse_address("local"), make_library("host")) as session:
        assert not session.counts_packets
        with pytest.raises(BoardError, match="nobody counts here"):
            session.last_counts()


def test_shares_are_of_all_calls() -> None:
    calls = [
        KernelCounts("a", Counts(30, 10, 6)),
        KernelCounts("b", Counts(80, 40, 0)),
        KernelCounts("a", Counts(90, 50, 54)),
    ]
    profile = packet_profile(calls)
    assert profile.total == Counts(200, 100, 60)
    assert [(k.kernel, k.calls, k.share) for k in profile.kernels] == [("a", 2, 0.6), ("b", 1, 0.4)]
    assert profile.scalar_share == 0.4
    assert profile.kernels[0].counts.vector_share == 0.5
    assert packet_profile([]).total.vector_share == 0
