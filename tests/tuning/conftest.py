"""What tests of cost sources need."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tvmedge.targeting import TargetSpec, target


@pytest.fixture(scope="session")
def pi() -> TargetSpec:
    """A target that is emulated here."""
    spec = target("raspberry-pi-4b")
    assert spec.emulator is not None
    if not (shutil.which(spec.emulator.program) and Path(spec.emulator.sysroot).is_dir()):
        pytest.skip(f"{spec.emulator.program} or {spec.emulator.sysroot} is not installed")
    return spec
