"""Ctrl-C that a library swallowed is raised again; one that is being handled is not."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest

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


def test_nothing_stays_armed() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    with contextlib.suppress(KeyboardInterrupt), Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == before
