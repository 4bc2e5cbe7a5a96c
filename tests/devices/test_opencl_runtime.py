"""Our OpenCL runtime under TVM's, on a real driver (PoCL)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tvm
from hypothesis import given
from hypothesis import strategies as st

from tests.devices.opencl import exported, loaded, module_bytes, scaled

_NOTHING = "__kernel void main_kernel() {}\n"


def _run(module: object, size: int = 1024) -> None:
    device = tvm.opencl(0)
    given = np.arange(size, dtype="float32")
    result = tvm.runtime.empty((size,), "float32", device)
    module["main"](tvm.runtime.tensor(given, device), result)  # type: ignore[index]
    np.testing.assert_array_equal(result.numpy(), given * 2 + 1)


def test_a_kernel_runs(programs: Path, tmp_path: Path) -> None:
    _run(exported(scaled(), tmp_path))


def test_the_device_says_what_it_is(programs: Path) -> None:
    device = tvm.opencl(0)
    assert device.exist
    assert not tvm.opencl(99).exist
    assert device.device_name
    assert device.max_threads_per_block >= 64
    assert len(device.max_thread_dimensions) == 3


def test_time_is_the_device_s_own(programs: Path, tmp_path: Path) -> None:
    module, device = exported(scaled(1 << 20), tmp_path), tvm.opencl(0)
    tensors = [tvm.runtime.empty((1 << 20,), "float32", device) for _ in range(2)]
    times = module.time_evaluator("main", device, number=3, repeat=4)(*tensors)
    assert all(0 < seconds < 1 for seconds in times.results)
    # 1 M elements are read and written: no machine that this runs on does that in 5 us.
    assert times.median > 5e-6


def test_memory_that_is_not_there_is_an_error(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"no room for 4398046511104 bytes on .*: out of memory"):
        tvm.runtime.empty((1 << 40,), "float32", tvm.opencl(0))
    _run(exported(scaled(), tmp_path))


def test_a_device_that_is_not_there_is_an_error(programs: Path) -> None:
    with pytest.raises(RuntimeError, match="there is no device 7"):
        tvm.runtime.empty((4,), "float32", tvm.opencl(7))


def test_memory_is_used_again(programs: Path) -> None:
    def resident() -> int:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    content = np.ones((4 << 20,), "float32")
    tvm.runtime.tensor(content, tvm.opencl(0))
    before = resident()
    for _ in range(20):
        tvm.runtime.tensor(content, tvm.opencl(0))
    assert resident() - before < 4 * content.nbytes


def test_a_kernel_that_does_not_build(programs: Path) -> None:
    module = loaded(module_bytes("__kernel void main_kernel() { flaot x = 1; }\n"))
    with pytest.raises(RuntimeError, match=r"kernel main_kernel does not build for .*flaot"):
        module["main_kernel"](1)


def test_a_work_group_that_is_too_large(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"wants groups of 65536 items, .* takes at most"):
        _run(exported(scaled(1 << 17, 1 << 16), tmp_path), 1 << 17)


@given(st.integers(0, len(module_bytes(_NOTHING)) - 1))
def test_a_module_that_is_cut_short(programs: Path, end: int) -> None:
    with pytest.raises(ValueError, match="cut short or damaged"):
        loaded(module_bytes(_NOTHING)[:end])


@given(st.binary(max_size=200))
def test_a_module_of_noise(programs: Path, noise: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut short|come as source"):
        loaded(noise)


def test_built_programs_are_kept(programs: Path) -> None:
    source = "__kernel void main_kernel() { int kept = 1; }\n"
    before = set(programs.iterdir())
    loaded(module_bytes(source))["main_kernel"](1)
    (kept,) = set(programs.iterdir()) - before
    assert source.encode() in kept.read_bytes()
    damaged = kept.read_bytes()[:-40]
    kept.write_bytes(damaged)  # PoCL crashes on half a program
    loaded(module_bytes(source))["main_kernel"](1)
    assert kept.read_bytes() != damaged


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("TVMEDGE_OPENCL_LIBRARY", "/nonexistent.so", "no OpenCL driver could be loaded"),
        ("TVMEDGE_OPENCL_LIBRARY", "libc.so.6", "libc.so.6 is no OpenCL 1.2 driver"),
        ("OCL_ICD_VENDORS", "/nonexistent", "knows no device"),
    ],
)
def test_no_driver_is_no_device(programs: Path, variable: str, value: str, reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tvmedge.boards.opencl"],
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("There is no OpenCL device here: ")
    assert reason in done.stdout
    assert done.stderr == ""
