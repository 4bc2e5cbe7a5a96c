"""Ctrl-C that a library swallowed is raised again; one that is being handled is not."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import pytest

from tvmedge.cli import INTERRUPTED, main
from tvmedge.cli.interrupts import Interrupts


def _interrupt_and_swallow() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)


def test_a_swallowed_interrupt_comes_again() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        _interrupt_and_swallow()
        time.sleep(10)
    assert interrupts.seen


def test_clean_up_is_not_interrupted_again() -> None:
    cleaned = False
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        finally:
            time.sleep(4 * Interrupts.AGAIN_S)
            cleaned = True
    assert cleaned and interrupts.seen


def test_an_alarm_on_its_way_sets_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes as the timer is taken off: a next one would end the process."""
    real = signal.setitimer

    def late(which: int, seconds: float) -> None:
        if not seconds:
            os.kill(os.getpid(), signal.SIGALRM)
        real(which, seconds)

    with contextlib.suppress(KeyboardInterrupt), Interrupts():
        monkeypatch.setattr(signal, "setitimer", late)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_a_destructor_swallows_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Swallows:
        def __init__(self, error: type[BaseException]) -> None:
            self.error = error

        def __del__(self) -> None:
            raise self.error

    printed: list[object] = []

    def before(lost: object) -> None:
        printed.append(type(lost.exc_value))  # type: ignore[attr-defined]

    monkeypatch.setattr(sys, "unraisablehook", before)
    with Interrupts():
        Swallows(KeyboardInterrupt)
        Swallows(ValueError)
    assert printed == [ValueError]
    assert sys.unraisablehook is before


def test_nothing_stays_armed() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    with contextlib.suppress(KeyboardInterrupt), Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == before


def test_an_interrupted_verb_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tvmedge.cli.doctor.doctor", interrupted)
    assert main(["doctor"]) == 130
    assert capfd.readouterr().err == f"tvmedge: {INTERRUPTED}\n"
