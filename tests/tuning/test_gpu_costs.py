"""Tuning a GPU's kernels: timed by the device's events or reckoned, results checked on a device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from onnx import helper
from tvm import tirx
from tvm_ffi import structural_map

from tests.cpu_kernels import random
from tests.devices.gateway import serving
from tests.devices.parts import Board, listening
from tests.devices.sshd import SSHD, temporary_ssh_server
from tests.onnx_models import model, save, tensor
from tvmedge.boards.emulated import require_emulator
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.opencl import load_opencl
from tvmedge.boards.runtime import load_runtime
from tvmedge.cli import main
from tvmedge.compiler import pipelines
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.device.pocl import pocl_options
from tvmedge.errors import ToolError, TvmEdgeError
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.scheduling.gpu_items import DeviceKernel
from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting import target
from tvmedge.targeting.core import Core, core_of
from tvmedge.tuning.build import Job, as_text
from tvmedge.tuning.check import fault
from tvmedge.tuning.costs.gpu_candidate import GpuCandidate
from tvmedge.tuning.costs.gpu_model import GpuModel
from tvmedge.tuning.space import Candidate, Space
from tvmedge.tuning.tasks import tasks_of

HERE = "host-opencl"
MALI = target("mali-g610")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution of one task."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Relu", ["c"], ["y"])]
    shapes = [tensor("x", [1, 8, 6, 6])], [tensor("y", [1, 8, 6, 6])]
    proto = model(nodes, *shapes, {"w": random(8, 8, 1, 1)})
    return save(proto, tmp_path_factory.mktemp("net") / "net.onnx")


@pytest.fixture(scope="module")
def _device() -> None:
    try:
        load_runtime()
        load_opencl()
    except TvmEdgeError as error:
        pytest.skip(str(error))


def _tuned(
    net: Path, name: str, store: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> dict:
    words = ["tune", str(net), "-t", name, "--trials", "3", "--records", str(store), "--json"]
    assert main([*words, *options]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("_device")
def test_time_on_this_machine_s_device(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "records.db"
    found = _tuned(net, HERE, store, capsys)
    assert found["cost"]["source"] == "device-time local" and found["cost"]["unit"] == "s"
    assert 0 < found["best"] <= found["untuned"] < 1
    words = ["compile", str(net), "-t", HERE, "-o", str(tmp_path), "--records", str(store)]
    assert main(words) == 0
    assert "by device-time local" in capsys.readouterr().out
    assert main(["run", str(tmp_path / f"net-{HERE}.tvmedge"), "--check"]) == 0


@pytest.mark.usefixtures("_device")
def test_time_on_a_board_s_device(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = str(cached_board(target(HERE)) / SERVER)
    with listening(Board("gpu", (server,))) as port:
        address = f"tvm://127.0.0.1:{port}"
        found = _tuned(net, HERE, tmp_path / "records.db", capsys, "--board", address)
    assert found["cost"]["source"] == "device-time tvm"
    assert 0 < found["best"] <= found["untuned"] < 1


@pytest.mark.usefixtures("_device")
@pytest.mark.parametrize("way", [pytest.param("ssh", marks=pytest.mark.slow), "gateway"])
def test_time_on_a_device_in_a_session(
    way: str,
    net: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if way == "ssh":
        if not Path(SSHD).exists():
            pytest.skip("needs an ssh server: apt-get install openssh-server")
        with temporary_ssh_server():
            words = ["--board", "ssh://board"]
            found = _tuned(net, HERE, tmp_path / "records.db", capsys, *words)
    else:
        pool = f'[pools.pool.b]\nboard = "local"\ntarget = "{HERE}"\n'
        with serving(tmp_path / "gateway", pool) as gateway:
            monkeypatch.setenv(VARIABLE, str(gateway.keys("tuner")))
            gateway.until_free(1)
            words = ["--board", str(gateway.address())]
            found = _tuned(net, HERE, tmp_path / "records.db", capsys, *words)
    assert found["cost"]["source"] == f"device-time {'ssh' if way == 'ssh' else 'pool'}"
    assert 0 < found["best"] <= found["untuned"] < 1


def test_boards_without_a_device(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tune", str(net), "-t", HERE, "--records", str(tmp_path / "records.db")]
    server = str(cached_board(target("host")) / SERVER)
    with listening(Board("cpu", (server,))) as port:
        assert main([*words, "--board", f"tvm://127.0.0.1:{port}"]) == 4
    assert "server has no OpenCL runtime: use the folder" in capsys.readouterr().err
    assert main([*words, "--board", f"tvm://127.0.0.1:{port}"]) == 4
    assert "No board is left to measure on" in capsys.readouterr().err


@pytest.mark.usefixtures("_device")
def test_a_mali_is_tuned_without_one(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = _tuned(net, MALI.name, tmp_path / "records.db", capsys)
    assert first["cost"]["source"] == f"gpu-model {MALI.name}"
    assert first["cost"]["unit"] == "cycles" and "compiler" in first["cost"]["ignores"]
    assert 0 < first["best"] <= first["untuned"]


def _cost(**changes: float) -> float:
    kernel = DeviceKernel("k", 64, 64, registers=24, load_bytes=1024.0, arithmetic=64.0)
    values = {**kernel.__dict__, **changes}
    candidate = GpuCandidate(b"", "", (), kernels=(DeviceKernel(**values),))
    with GpuModel(MALI) as source:
        return source.measure(candidate).value


def test_what_a_reckoning_sees() -> None:
    usual = _cost()
    assert _cost(load_bytes=2048.0) > usual
    assert _cost(store_bytes=64.0) > usual
    assert _cost(arithmetic=8192.0) > usual
    assert _cost(arithmetic=65.0) == usual  # hidden behind memory
    assert _cost(registers=40) > usual  # half the items in flight
    assert _cost(registers=96) > _cost(registers=64)
    assert _cost(groups=256, items=16) == usual
    assert _cost(groups=512, items=8) > usual  # half of each step's items idle


class _Wrong:
    """A rule whose results are off by one."""

    name = "conv"

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        off = func.with_body(structural_map(func.body, (tirx.BufferStore, _off)))
        return self._inner.apply(off, core, knobs)


def _off(store: tirx.BufferStore) -> tirx.BufferStore:
    last = store.value if not isinstance(store.value, tirx.Max) else store.value + 1.0
    return tirx.BufferStore(store.buffer, last, store.indices)


@pytest.mark.usefixtures("_device")
def test_what_is_searched_for_a_gpu(tmp_path: Path) -> None:
    """Tiles, vectors, what is written out, groups; Winograd's tiles are kernels of their own."""
    weights = {"w": random(16, 16, 3, 3), "v": random(16, 16, 1, 1), "u": random(576, 20)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1] * 4),
        helper.make_node("Conv", ["a", "v"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("MatMul", ["c", "u"], ["y"]),
    ]
    proto = model(nodes, [tensor("x", [1, 16, 6, 6])], [tensor("y", [1, 20])], weights)
    imported = import_model(load(save(proto, tmp_path / "net.onnx")), {})
    found = tasks_of(imported.module, MALI, "gpu-model")
    (question,) = found.questions
    assert [name[:5] for name in question.options] == ["direc", "F(2x2", "F(4x4"]
    asked: set[str] = set()
    for task in found.tasks:
        first = Space(task.func, core_of(MALI), pipelines.MALI_RULES).defaults[0]
        decisions = dict(first.decisions)
        asked |= set(decisions)
        if "written_out" in decisions:
            turns = 3 if first.rule == "conv" and task.kernels == ("conv",) else 4
            changed = tuple({**decisions, "written_out": turns}.items())
            job = Job(as_text(task.func), MALI, Candidate(first.rule, changed))
            assert fault(job, 0) == "", first.rule
    assert asked >= {"vectors", "columns", "rows", "items_x", "items_y", "written_out", "parts"}


@pytest.mark.slow
@pytest.mark.usefixtures("_device")
def test_time_on_an_emulated_board_s_pocl(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An emulator's time says nothing about a Mali; the way is that of a real board."""
    try:
        require_emulator(MALI)
        pocl_options(MALI)
        cached_board(MALI)
    except ToolError as error:
        pytest.skip(str(error))
    words = ["--cost", "time", "--board", "emulated"]
    found = _tuned(net, MALI.name, tmp_path / "records.db", capsys, *words)
    assert found["cost"]["source"] == "device-time emulated"
    assert 0 < found["best"] <= found["untuned"]


@pytest.mark.usefixtures("_device")
def test_a_wrong_candidate_is_found_on_the_device(
    net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = import_model(load(net), {})
    tasks = tasks_of(imported.module, MALI, "gpu-model").tasks
    (task,) = [one for one in tasks if "conv" in one.kernels[0]]
    rules = pipelines.MALI_RULES
    first = Space(task.func, core_of(MALI), rules).defaults[0]
    job = Job(as_text(task.func), MALI, Candidate(first.rule, first.decisions))
    assert fault(job, 0) == ""
    monkeypatch.setattr(pipelines, "MALI_RULES", tuple(map(_Wrong, rules[:1])))
    assert fault(job, 0).startswith("is off by ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cost", "time"], "Time for mali-g610 cannot be measured on this machine: give --board"),
        (["--cost", "instructions"], "--cost instructions is for CPUs, and kernels for mali-g610"),
        (
            ["--cost", "time", "--board", "gateway://x:1/p"],
            "There are no keys for 'gateway://x:1/p'",
        ),
    ],
)
def test_costs_that_a_gpu_has_not(
    words: list[str], said: str, net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "records.db"
    options = ["--records", str(store), *words]
    assert main(["tune", str(net), "-t", MALI.name, *options]) == 2
    assert said in capsys.readouterr().err
    assert not store.exists()
