"""A library's own pool of threads: the same results, no spinning, nothing left."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.library_runs import (
    Buffer,
    Loaded,
    Pool,
    Scheduled,
    library_of,
    same,
    scheduled,
    vm_of,
)
from tests.onnx_models import save, wide_net
from tvmedge.bundle import Form, write_bundle
from tvmedge.cli import main
from tvmedge.compiler import library
from tvmedge.compiler.compile import CompileOptions, compile_frontend, open_frontend
from tvmedge.compiler.forms import FormChoice
from tvmedge.errors import InputError
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.targeting import target

THREADS = 3
POOL_SOURCE = Path(library.__file__).with_name("pool.h")
OK, MISSING, UNALIGNED, _, TOO_MANY = range(5)


def _input(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, 3, 64, 64)).astype("float32")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Scheduled:
    path = save(wide_net(), tmp_path_factory.mktemp("net") / "net.onnx")
    return scheduled(import_model(load(path), {}), target("host"))


@pytest.fixture(scope="module")
def loaded(net: Scheduled, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    made = library_of(net, threads=THREADS)
    assert any(part.extent and part.own for parts in made.parts.values() for part in parts)
    return Loaded(made.sources(), net.spec, tmp_path_factory.mktemp("lib"))


@pytest.fixture(scope="module")
def want(net: Scheduled) -> list[list[np.ndarray]]:
    """What the VM gives for two inputs."""
    vm = vm_of(net)
    return [vm([_input(seed)]) for seed in range(2)]


def _tasks() -> dict[str, str]:
    """The state of every thread of this process, by id."""
    return {
        path.parent.name: path.read_text().rpartition(")")[2].split()[0]
        for path in Path("/proc/self/task").glob("*/stat")
    }


def _nanoseconds(tasks: set[str]) -> list[int]:
    """What each of these threads has spent on a processor."""
    paths = (Path(f"/proc/self/task/{task}/schedstat") for task in sorted(tasks))
    return [int(path.read_text().split()[0]) for path in paths]


@pytest.mark.parametrize("threads", [None, 1, 2, THREADS])
def test_any_number_of_threads_gives_the_vms_results(
    want: list[list[np.ndarray]], loaded: Loaded, threads: int | None
) -> None:
    if threads is None:
        assert same(loaded.run([_input(0)]), want[0])
        return
    with Pool(loaded, threads) as pool:
        for index in range(40):
            assert same(loaded.run([_input(index % 2)]), want[index % 2])
        pool.never_spins()
        for index in range(20):
            assert same(loaded.run([_input(index % 2)]), want[index % 2])


def test_runs_that_meet_at_one_pool_are_right(loaded: Loaded) -> None:
    want = [loaded.run([_input(seed)]) for seed in range(4)]
    with Pool(loaded, THREADS), ThreadPoolExecutor(4) as callers:
        got = list(callers.map(loaded.run, [[_input(i % 4)] for i in range(40)]))
    assert all(same(one, want[i % 4]) for i, one in enumerate(got))


def test_threads_sleep_between_runs_and_are_joined(loaded: Loaded) -> None:
    before = set(_tasks())
    with Pool(loaded, THREADS):
        loaded.run([_input(0)])
        ours = set(_tasks()) - before
        assert len(ours) == THREADS - 1
        deadline = time.monotonic() + 5
        while any(_tasks()[task] != "S" for task in ours) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert {_tasks()[task] for task in ours} == {"S"}
        spent = _nanoseconds(ours)
        time.sleep(0.1)
        assert _nanoseconds(ours) == spent
    assert not ours & set(_tasks())


def test_misuse_of_the_pool_has_a_code_each(loaded: Loaded) -> None:
    start = loaded.function("pool_start", ctypes.c_void_p, ctypes.c_int)
    memory = Buffer(4096).address
    assert start(None, 2) == MISSING
    assert start(memory + 8, 2) == UNALIGNED
    assert start(memory, 0) == start(memory, THREADS + 1) == TOO_MANY


def test_bundles_run_on_the_threads_asked_for(tmp_path: Path) -> None:
    options = CompileOptions(form=FormChoice(Form.LIBRARY, threads=2))
    frontend = open_frontend(load(save(wide_net(), tmp_path / "net.onnx")), options)
    path = tmp_path / "net.tvmedge"
    write_bundle(path, compile_frontend(frontend, target("host"), options))
    for threads in ("1", "2"):
        assert main(["run", str(path), "--check", "--threads", threads]) == 0
    assert main(["run", str(path), "--check", "--threads", "3"]) == 2
    with pytest.raises(InputError, match="pthreads"):
        compile_frontend(frontend, target("pixel-8"), options)


@pytest.mark.parametrize("sanitizer", [None, "thread"])
def test_a_pool_runs_every_iteration_once(tmp_path: Path, sanitizer: str | None) -> None:
    """With a system compiler, which has ThreadSanitizer."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    source, program = Path(__file__).with_name("pool_stress.c"), str(tmp_path / "stress")
    options = ["-std=gnu2x", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{POOL_SOURCE.parent}"]
    options += [f"-fsanitize={sanitizer}"] if sanitizer else []
    subprocess.run([compiler, *options, str(source), "-o", program, "-lpthread"], check=True)
    most = "2" if sanitizer else "4"  # threads: it takes seconds for each
    done = subprocess.run([program, most], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
