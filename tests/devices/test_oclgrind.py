"""Kernels of every rule under Oclgrind: none goes beyond its buffers, no two items collide."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tvmedge.schedules.rules.mali import RULES

from tvmedge.boards.opencl import CACHE_VARIABLE

_RUNTIME = Path("/usr/lib/oclgrind/liboclgrind-rt.so")

pytestmark = pytest.mark.skipif(not _RUNTIME.exists(), reason="oclgrind is not installed")


def _run(folder: Path, *words: str) -> tuple[dict[str, tuple[str, float]], str]:
    """What the cases print, and what Oclgrind says of them."""
    log = folder / "oclgrind.log"
    settings = {
        "TVMEDGE_OPENCL_LIBRARY": str(_RUNTIME),
        "OCLGRIND_DATA_RACES": "1",
        "OCLGRIND_CHECK_API": "1",
        "OCLGRIND_LOG": str(log),
        "OCLGRIND_MAX_ERRORS": "20",
        "OCLGRIND_NUM_THREADS": "1",
        CACHE_VARIABLE: str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.devices.oclgrind_cases", *words],
        env={**os.environ, **settings},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = log.read_text(encoding="utf-8") if log.is_file() else ""
    return json.loads(done.stdout), said


def test_every_rule_stays_inside_and_alone(tmp_path: Path) -> None:
    found, said = _run(tmp_path)
    assert said == ""
    assert {rule for rule, _ in found.values()} == {rule.name for rule in RULES}
    assert {name: error for name, (_, error) in found.items() if error > 2e-5} == {}


def test_what_is_planted_is_found(tmp_path: Path) -> None:
    _, said = _run(tmp_path, "planted")
    assert "Invalid read of size 4 at global memory" in said
    assert "Kernel: beyond_kernel" in said
    assert "Write-write data race at global memory" in said
    assert "Kernel: race_kernel" in said
