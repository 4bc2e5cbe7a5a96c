"""Whose code time is spent in: the innermost function of a known package counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from scripts.import_times import Clock

_SPIN = """
def spin(seconds, then=None):
    end = clock() + seconds
    while clock() < end:
        pass
    if then:
        then(seconds)
"""


def _function(path: str) -> Callable[..., None]:
    """A function that spins, as if it came from the file ``path``."""
    names: dict[str, Any] = {"clock": time.process_time}
    exec(compile(_SPIN, path, "exec"), names)
    spin: Callable[..., None] = names["spin"]
    return spin


def test_time_belongs_to_the_innermost_known_package() -> None:
    ours, library = _function("/x/tvmedge/a.py"), _function("/x/site-packages/onnx_ir/b.py")
    standard = _function("/usr/lib/python3/typing.py")
    with Clock() as clock:
        clock.stage("one", ours, 0.2, standard)
        clock.stage("two", ours, 0.1, library)
    total = sum(clock.packages.values())
    assert clock.packages["tvmedge"] / total == pytest.approx(5 / 6, abs=0.1)
    assert clock.packages["onnx_ir"] / total == pytest.approx(1 / 6, abs=0.1)
    assert clock.stages["one"] >= 0.4 and clock.stages["two"] >= 0.2


def test_a_failing_stage_is_timed_and_the_clock_stops() -> None:
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock:
        clock.stage("bad", lambda: 1 / 0)
    before = dict(clock.packages)
    _function("/x/tvmedge/a.py")(0.02)
    assert dict(clock.packages) == before and "bad" in clock.stages
