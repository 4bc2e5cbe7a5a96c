"""Threads stay on the fast cores of a board that has several kinds."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from tests.devices.parts import alive
from tests.onnx_models import save, wide_net
from tvmedge.boards.address import parse_address
from tvmedge.boards.big_cores import big_cores, keep_to_big_cores
from tvmedge.boards.emulated import require_emulator
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import write_bundle
from tvmedge.compiler.compile import CompileOptions, compile_model
from tvmedge.compiler.forms import FormChoice
from tvmedge.errors import ToolError
from tvmedge.model.load import load
from tvmedge.targeting import core, target

SLOW, FAST = 1_800_000, 2_400_000


def _system(root: Path, clocks: dict[int, int]) -> Path:
    """What Linux tells of cores' clocks, in kHz."""
    cpus = root / "sys/devices/system/cpu"
    for cpu, clock in clocks.items():
        file = cpus / f"cpu{cpu}/cpufreq/cpuinfo_max_freq"
        file.parent.mkdir(parents=True)
        file.write_text(f"{clock}\n")
    return cpus


@pytest.mark.parametrize(
    ("name", "count"),
    [("rk3588", 4), ("pixel-8", 5), ("snapdragon-8-gen-3", 6), ("raspberry-pi-4b", 4)],
)
def test_a_targets_file_tells_its_fast_cores(name: str, count: int) -> None:
    assert core.big_cores(target(name)) == count


def test_fast_are_those_near_the_highest_clock(tmp_path: Path) -> None:
    cpus = _system(tmp_path, {0: SLOW, 1: SLOW, 2: FAST, 3: FAST, 4: int(0.9 * FAST)})
    assert big_cores({0, 1, 2, 3, 4}, cpus) == {2, 3, 4}
    assert big_cores({0, 1}, cpus) == {0, 1}


def test_unknown_clocks_leave_all(tmp_path: Path) -> None:
    cpus = _system(tmp_path, {0: SLOW, 1: FAST})
    assert big_cores({0, 1, 2}, cpus) == {0, 1, 2}
    (cpus / "cpu1/cpufreq/cpuinfo_max_freq").write_text("fast")
    assert big_cores({0, 1}, cpus) == {0, 1}


def test_this_machines_cores_of_one_kind_are_left_as_they_are() -> None:
    before = os.sched_getaffinity(0)
    if big_cores(before) != before:
        pytest.skip("this machine has several kinds of cores")
    assert keep_to_big_cores(None) == keep_to_big_cores(10_000) == len(before)
    assert os.sched_getaffinity(0) == before


@pytest.mark.usefixtures("clean")
def test_an_emulated_boards_threads_stay_on_its_fast_core(tmp_path: Path) -> None:
    slow, fast, *_ = (*sorted(os.sched_getaffinity(0)), None, None)
    if slow is None or fast is None:
        pytest.skip("this test needs two cores")
    spec = target("raspberry-pi-4b")
    try:
        require_emulator(spec)
    except ToolError as error:
        pytest.skip(str(error))
    assert spec.emulator is not None and spec.emulator.sysroot is not None
    # QEMU looks for what its program opens in the sysroot first.
    sysroot = tmp_path / "root"
    _system(sysroot, dict.fromkeys(os.sched_getaffinity(0), SLOW) | {fast: FAST})
    (sysroot / "lib").symlink_to(Path(spec.emulator.sysroot) / "lib")
    emulator = dataclasses.replace(spec.emulator, sysroot=str(sysroot))
    board = dataclasses.replace(spec, emulator=emulator)
    path = tmp_path / "net.tvmedge"
    options = CompileOptions(form=FormChoice(threads=2))
    write_bundle(path, compile_model(load(save(wide_net(), tmp_path / "net.onnx")), spec, options))
    used = {}
    for threads in (None, 2):
        how = SessionOptions(threads=threads, target=board)
        with open_session(parse_address("emulated"), path, how) as session:
            session.time(1)
            boards = [p for p in alive(str(session._process.report.parent)) if _is_qemu(p)]
            used[threads] = {frozenset(os.sched_getaffinity(process)) for process in boards}
    assert used == {None: {frozenset({fast})}, 2: {frozenset(os.sched_getaffinity(0))}}


def _is_qemu(process: int) -> bool:
    return "qemu" in Path(f"/proc/{process}/cmdline").read_text().split("\0")[0]
