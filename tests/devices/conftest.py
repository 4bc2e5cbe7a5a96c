"""Real parts: servers built by zig, QEMU where it is installed, models compiled by TVM."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.devices.parts import EMULATED, Board, alive, trouble_library, write_model, zombies
from tvmedge.boards import opencl
from tvmedge.boards.emulated import emulator_command
from tvmedge.boards.runtime import load_runtime
from tvmedge.bundle import write_bundle
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.device.runtime_wheels import ensure_runtime
from tvmedge.device.zig import zig_cc
from tvmedge.errors import BoardError
from tvmedge.targeting import TargetSpec, target


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is left after a test: no process, no zombie, no file."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = set(zombies())  # of tests that looked after less
    yield
    deadline = time.monotonic() + 5
    while (left := alive(str(folder))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    assert set(zombies()) <= before
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="session")
def emulated_spec() -> TargetSpec:
    """An emulated board's target, its runtime in the cache."""
    spec = target(EMULATED)
    assert spec.emulator is not None
    if shutil.which(spec.emulator.program) is None:
        pytest.skip(f"{spec.emulator.program} is not installed")
    assert spec.runtime.platform is not None
    ensure_runtime(spec.runtime.platform)
    return spec


@pytest.fixture(scope="session", params=["host", EMULATED])
def board(request: pytest.FixtureRequest) -> Board:
    """The server on this machine, and on the emulated board."""
    if request.param == "host":
        return Board("host", (str(cached_board(target("host")) / SERVER),))
    spec = request.getfixturevalue("emulated_spec")
    return Board(spec.name, tuple(emulator_command(spec)))


@pytest.fixture(scope="session")
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """``make_bundle(model, target)``: "affine" is ``y = x * w + b``; "trouble" copies its
    input, or crashes or hangs as the first element says (see trouble.c)."""
    made: dict[tuple[str, str], Path] = {}
    folder = tmp_path_factory.mktemp("bundles")

    def make(model: str, name: str) -> Path:
        if (model, name) not in made:
            path = folder / f"{model}-{name}.tvmedge"
            write_model(path, model, target(name), folder)
            made[model, name] = path
        return made[model, name]

    return make


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of built programs; OpenCL's runtime is loaded."""
    folder = tmp_path_factory.mktemp("programs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(opencl.CACHE_VARIABLE, str(folder))
        try:
            load_runtime()
            opencl.load_opencl()
        except BoardError as error:
            pytest.skip(str(error))
        yield folder


@pytest.fixture(scope="session")
def make_library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A bundle of trouble_library.c for a target."""
    folder = tmp_path_factory.mktemp("trouble")
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = folder / f"{name}.tvmedge"
            write_bundle(made[name], trouble_library(target(name), folder))
        return made[name]

    return make


@pytest.fixture(scope="session")
def failing_driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    """This machine's OpenCL driver behind failing_driver.c."""
    name, source = "libOpenCL.so.1", Path(__file__).with_name("failing_driver.c")
    folder = tmp_path_factory.mktemp("driver")
    library, real, nothing = folder / "libfailing.so", folder / name, folder / "nothing.c"
    nothing.write_text("", encoding="utf-8")
    options = ["-target", target("host").toolchain.triple, "-shared", "-fPIC"]
    zig_cc([*options, str(nothing), f"-Wl,-soname,{name}", "-o", str(real)], "a test driver")
    needed = ["-Wl,--no-as-needed", str(real), "-ldl"]
    zig_cc([*options, str(source), *needed, "-o", str(library)], "a test driver")
    real.unlink()  # by its name, the loader finds this machine's
    return str(library)
