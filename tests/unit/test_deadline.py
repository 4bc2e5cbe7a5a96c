"""Work that may never end gets a deadline."""

from __future__ import annotations

import itertools
import threading

import pytest

from tvmedge.compiler.deadline import end_python, within


def test_what_is_in_time_is_returned_or_raised() -> None:
    assert within(5, lambda: 7, end_python) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0, end_python)


def test_python_that_never_ends_is_ended() -> None:
    threads: list[threading.Thread] = []

    def endless() -> None:
        threads.append(threading.current_thread())
        for _ in itertools.count():
            pass

    with pytest.raises(TimeoutError, match=r"after 0\.3 s"):
        within(0.3, endless, end_python)
    assert not threads[0].is_alive()
