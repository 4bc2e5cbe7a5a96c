"""The wheel: it holds what the tree holds, and plain ``import tvm`` finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Where each folder of the tree is in the wheel.
PLACES = {
    "tvmedge": "tvmedge",
    "targets": "tvmedge/targets",
    "schedules": "tvmedge/schedules",
}


def _run(*command: str | Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree so that no stale build folder leaks in."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PLACES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    out = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", out, ".", cwd=source)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh venv with the wheel; dependencies come from this one's."""
    venv = tmp_path_factory.mktemp("venv")
    _run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=venv)
    python = venv / "bin" / "python"
    install = ("install", "--quiet", "--no-deps", "--no-index", wheel)
    _run(sys.executable, "-m", "pip", "--python", python, *install, cwd=venv)
    # A .pth adds the folder but does not read the .pth files in it, so the
    # editable tvmedge there stays out.
    purelib = _run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=venv
    ).strip()
    (Path(purelib) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def _fresh(python: Path, code: str, **variables: str) -> str:
    """Run ``code`` in a new process, away from the tree."""
    return _run(python, "-c", textwrap.dedent(code), cwd=python.parent, **variables)


def test_wheel_holds_what_the_tree_holds(wheel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{wheel.name}: {wheel.stat().st_size} bytes")
    tree = {
        f"{place}/{path.relative_to(ROOT / folder)}"
        for folder, place in PLACES.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert tree - packed == set(), "missing: see [tool.setuptools] in pyproject.toml"
    assert packed - tree == set()
    assert "tvmedge/py.typed" in packed


def test_targets_are_read_from_the_wheel(installed: Path) -> None:
    out = _fresh(
        installed,
        """
        import tvmedge
        from tvmedge.resources import targets_root
        print(tvmedge.__file__)
        print(sorted(path.name for path in targets_root().iterdir()))
        """,
    )
    assert str(installed.parents[1]) in out and "arm_cpu" in out


def test_plain_import_of_tvm_knows_our_targets_and_pipelines(installed: Path) -> None:
    _fresh(
        installed,
        """
        import tvm
        from tvm import relax
        target = tvm.target.Target("tvmedge/raspberry-pi-4b")
        assert target.attrs["mcpu"] == "cortex-a72", target
        assert relax.get_pipeline("tvmedge_arm_cpu") is not None
        """,
    )


def test_our_own_entry_registers_once(installed: Path) -> None:
    _fresh(
        installed,
        """
        import tvm
        from tvmedge import plugin
        plugin.autoload()
        plugin.autoload()
        tvm.target.Target("tvmedge/raspberry-pi-4b")
        """,
        TVM_DEVICE_BACKEND_AUTOLOAD="0",
    )
