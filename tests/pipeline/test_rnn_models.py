"""Real models with recurrent layers pass their own check on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import model_list
from tvmedge.cli import main


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize(
    "name", ["silero-vad-16k-op15", "silero-vad-16k-sequence", "silero-vad-half"]
)
def test_it_compiles_and_is_right(
    name: str, model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    flags = model_list.find(name).flags()
    path = model_path(name)
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path), *flags]) == 0
    assert main(["run", str(next(tmp_path.glob("*.tvmedge"))), "--check"]) == 0
