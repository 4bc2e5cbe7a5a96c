"""Temporary folders go, even if a Ctrl-C comes as they are made or removed."""

from __future__ import annotations

import random
import signal
import tempfile
from pathlib import Path

import pytest

from tvmedge.errors import ToolError
from tvmedge.resources import temporary_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_goes(temporary: Path) -> None:
    with temporary_folder("mine-") as folder:
        assert folder.parent == temporary and folder.name.startswith("mine-")
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "inner").mkdir()
    assert not list(temporary.iterdir())


def test_no_place_is_a_sentence(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "missing"))
    with pytest.raises(ToolError, match="Cannot write"), temporary_folder():
        pytest.fail("there is no such place")


def test_interrupts_at_any_moment(temporary: Path) -> None:
    """``TemporaryDirectory`` keeps one folder in three; a moment of no instructions is left."""
    moments = random.Random(1)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    interrupted = 0
    try:
        for _ in range(1000):
            try:
                signal.setitimer(signal.ITIMER_REAL, moments.uniform(1e-6, 300e-6))
                with temporary_folder() as folder:
                    (folder / "file").write_text("x")
                signal.setitimer(signal.ITIMER_REAL, 0)
            except (KeyboardInterrupt, OSError, ToolError):
                interrupted += 1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 100
    assert len(list(temporary.iterdir())) * 50 < interrupted
