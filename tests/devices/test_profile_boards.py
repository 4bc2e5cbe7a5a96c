"""Profiles of boards: kernels, memory, sensors, several at once, and what is written of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.devices.gateway import eventually, local_pool, serving
from tests.devices.test_ssh import Server
from tests.devices.test_ssh import server as server  # noqa: PLC0414 (a fixture)
from tests.onnx_models import conv_net, save
from tvmedge.boards.address import parse_address
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.session import open_session
from tvmedge.bundle import Form, read_bundle, write_bundle
from tvmedge.cli import main
from tvmedge.compiler.compile import CompileOptions, compile_frontend, open_frontend
from tvmedge.compiler.forms import FormChoice
from tvmedge.errors import BoardError
from tvmedge.model.load import load
from tvmedge.profiling.latency import Wanted, profile_bundle
from tvmedge.profiling.per_op import Role
from tvmedge.profiling.repeat import Repetition
from tvmedge.profiling.report import report
from tvmedge.profiling.sensors.reading import ShellReader
from tvmedge.profiling.trace import trace
from tvmedge.targeting import TargetSpec, target

PI = "raspberry-pi-4b"
FEW = Repetition(runs=3)


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, Form], Path]:
    """A small CNN by target and form."""
    folder = tmp_path_factory.mktemp("nets")
    frontend = open_frontend(load(save(conv_net(), folder / "net.onnx")), CompileOptions())
    made = {}
    for name in ("host", PI):
        for form in Form:
            path = folder / f"{name}-{form.value}.tvmedge"
            options = CompileOptions(form=FormChoice(form))
            write_bundle(path, compile_frontend(frontend, target(name), options))
            made[name, form] = path
    return made


def test_a_bundle_says_what_its_kernels_cost(nets: dict[tuple[str, Form], Path]) -> None:
    """conv_net: 16 filters of 3x3x3 over 14x14 pixels, bias and ReLU; a mean; 16 to 10 dense."""
    for form in Form:
        manifest = read_bundle(nets["host", form]).manifest
        costs = {cost.name: cost for cost in manifest.code.kernels}
        conv = costs["fused_conv_add_maximum"]
        macs = conv.operations
        assert macs is not None and conv.moved_bytes is not None
        assert conv.rule == "conv"
        assert macs > 2 * 16 * 27 * 14 * 14
        assert conv.moved_bytes >= 4 * (3 * 16 * 16 + 16 * 27)
        assert costs["reshape"].operations == 0


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("board", ["local", "emulated"])
def test_kernels_are_timed_on_the_board(
    nets: dict[tuple[str, Form], Path], emulated_spec: TargetSpec, board: str, form: Form
) -> None:
    path = nets["host" if board == "local" else PI, form]
    with open_session(parse_address(board), path) as session:
        before = session.run({"in:0": np.ones((1, 3, 16, 16), np.float32)})
        times = session.time_kernels(4)
        assert len(times.runs) == 4 and {len(run) for run in times.runs} == {len(times.kernels)}
        assert all(time >= 0 for run in times.runs for time in run)
        assert "fused_conv_add_maximum" in times.kernels and "dense" in times.kernels
        assert any(name.startswith("vm.builtin.") for name in times.kernels) == (form is Form.VM)
        assert session.time_kernels(1).kernels == times.kernels
        # What is watched computes the same, and the model is not watched from then on.
        after = session.run({"in:0": np.ones((1, 3, 16, 16), np.float32)})
        np.testing.assert_array_equal(*(next(iter(one.values())) for one in (before, after)))
        assert len(session.time(2)) == 2
        memory = session.peak_memory_kib()
        assert memory is not None and 0 <= memory < 1 << 20


def test_a_profile_shows_kernels_and_files(
    nets: dict[tuple[str, Form], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, events = tmp_path / "p.html", tmp_path / "t.json"
    arguments = ["--repetitions", "3", "--per-op", "--json", "--no-energy"]
    arguments += ["--report", str(page), "--trace", str(events), "--max-energy-mj", "1"]
    assert main(["profile", str(nets["host", Form.LIBRARY]), *arguments]) == 3
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    found = document["per_op"]
    assert sum(one["share"] for one in found["kernels"]) == pytest.approx(1)
    conv = next(one for one in found["kernels"] if one["kernel"].startswith("fused_conv"))
    assert conv["operators"] == ["conv", "add", "maximum"] and conv["gops"] > 0
    assert conv["roofline_fraction"] > 0 and "measured here" in found["roofline"]["source"]
    assert "GOP/s" in captured.err and "roofline: measured here" in captured.err
    assert document["energy"] == {"measured": False, "not_measured": "it was not asked for"}
    assert document["bundle_bytes"] > 1000 and document["planned_activation_bytes"] > 0
    assert "net for host, profiled" in page.read_text()
    trace = json.loads(events.read_text())
    assert {event["ph"] for event in trace["traceEvents"]} >= {"M", "X"}


def test_an_emulator_s_figures_are_labelled(
    nets: dict[tuple[str, Form], Path],
    emulated_spec: TargetSpec,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(nets[PI, Form.LIBRARY])
    arguments = ["--board", "emulated", "--repetitions", "2", "--per-op", "--max-memory-mb", "999"]
    assert main(["profile", path, *arguments]) == 3
    said = capsys.readouterr().out
    assert "instructions counted by the emulator" in said
    assert "the emulator's own included" in said
    assert "not measured (it includes the emulator's own)" in said
    assert "energy not measured: an emulator's" in said


def test_one_lost_board_does_not_spoil_the_others(
    nets: dict[tuple[str, Form], Path],
    emulated_spec: TargetSpec,
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = tmp_path / "p.html"
    arguments = ["--repetitions", "2", "--json", "--no-energy", "--report", str(page)]
    path = str(nets[PI, Form.LIBRARY])
    assert main(["profile", path, "--board", "emulated,ssh://nobody-there", *arguments]) == 4
    captured = capsys.readouterr()
    whole, lost = json.loads(captured.out)["boards"]
    assert whole["board"] == "emulated" and whole["check"]["ok"]
    assert lost["board"] == "ssh://nobody-there" and "nothing listens there" in lost["lost"]
    assert "ssh://nobody-there was lost" in captured.err
    assert "nothing listens there" in page.read_text()
    assert main(["run", path, "--check", "--board", "emulated,ssh://nobody-there"]) == 4
    assert "check passed" in capsys.readouterr().out


def test_a_board_s_meter_is_read_through_its_shell(
    nets: dict[tuple[str, Form], Path], server: Server, tmp_path: Path
) -> None:
    """The folder stands for the board's root: its meter counts as long as anybody looks."""
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    (zone / "energy_uj").write_text("1000\n")
    (tmp_path / "sys/class/thermal/thermal_zone0").mkdir(parents=True)
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("41000\n")
    board = parse_address("ssh://board")
    reader = ShellReader(board, tmp_path)
    assert reader.read()["sys/class/powercap/intel-rapl:0/energy_uj"] == "1000"
    (zone / "energy_uj").write_text("2000\n")
    assert reader.read()["sys/class/powercap/intel-rapl:0/energy_uj"] == "2000"
    server.process.terminate()
    server.process.wait()
    reader.close()
    with pytest.raises(BoardError, match="gave no answer about its sensors"):
        ShellReader(parse_address("ssh://nobody-there"), tmp_path).read()


def test_kernels_and_memory_of_a_board_over_ssh(
    nets: dict[tuple[str, Form], Path], server: Server, tmp_path: Path
) -> None:
    (tmp_path / "sys/class/thermal/thermal_zone0").mkdir(parents=True)
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("41000\n")
    board = parse_address("ssh://board")
    for form in Form:
        wanted = Wanted(per_op=True, root=tmp_path)
        found = profile_bundle(nets["host", form], FEW, board, None, wanted)
        assert found.check.ok and found.memory_kib is not None
        assert found.per_op is not None and found.per_op.share(Role.COMPUTES) > 0
        assert found.noise.before is not None
        assert found.noise.before.celsius == {"zone0 thermal_zone0": 41.0}
        assert "clocks" in found.noise.unknown


@pytest.mark.usefixtures("server")
def test_a_session_on_a_board_tells_its_memory(nets: dict[tuple[str, Form], Path]) -> None:
    board, bundle = parse_address("ssh://board"), nets["host", Form.VM]
    with open_session(board, bundle) as session:
        eventually(lambda: len(session.memory_over_time()) > 1, "no memory was told")
        points = session.memory_over_time()
        found = replace(
            profile_bundle(bundle, FEW, board, None, Wanted(energy=False)), memory=points
        )
    assert all(point.kib > 0 for point in points)
    assert [point.seconds for point in points] == sorted({point.seconds for point in points})
    assert "resident memory" in report([found])
    assert any(event["ph"] == "C" for event in trace([found])["traceEvents"])


def test_energy_of_a_board_is_what_its_meter_says(
    nets: dict[tuple[str, Form], Path], tmp_path: Path
) -> None:
    """A meter of power that never changes: what is asked of it is its own affair."""
    sensor = tmp_path / "sys/class/hwmon/hwmon0"
    sensor.mkdir(parents=True)
    (sensor / "name").write_text("ina226\n")
    (sensor / "power1_input").write_text("3000000\n")
    found = profile_bundle(nets["host", Form.LIBRARY], FEW, wanted=Wanted(root=tmp_path)).energy
    assert getattr(found, "provider", found) == "hwmon"
    assert found.millijoules == pytest.approx(3000 * found.seconds / found.runs)  # type: ignore[union-attr]


def test_a_pool_is_profiled_at_once(
    nets: dict[tuple[str, Form], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each session gets a board of its own; kernels are told apart through a gateway too."""
    with serving(tmp_path, local_pool(2)) as gateway:
        monkeypatch.setenv(VARIABLE, str(gateway.keys("alice")))
        board = str(gateway.address())
        arguments = ["--repetitions", "2", "--per-op", "--json", "--board", f"{board},{board}"]
        assert main(["profile", str(nets["host", Form.LIBRARY]), *arguments]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)["boards"]
    assert [one["board"] for one in found] == [f"{board} #1", f"{board} #2"]
    for one in found:
        assert one["check"]["ok"] and one["per_op"]["kernels"]
        assert "a gateway does not tell" in one["energy"]["not_measured"]
