"""Ctrl-C, remembered: TVM turns an interrupt inside it into an error of its own."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType


class Interrupts:
    """While entered, SIGINT and SIGTERM raise KeyboardInterrupt and set ``seen``.

    Libraries lose one exception in ten (measured on a compile: TVM's C++ and destructors
    swallow what is raised inside them), so a timer raises it again until it is being handled. What
    a destructor swallowed is not printed either.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)
    AGAIN_S = 0.1

    def __init__(self) -> None:
        self.seen = False
        self._over = False
        self._print_lost = sys.unraisablehook
        self._before: dict[signal.Signals, signal.Handlers] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in self.SIGNALS:
                self._before[number] = signal.signal(number, self._interrupt)  # type: ignore[assignment]
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._again)  # type: ignore[assignment]
            sys.unraisablehook = self._lost
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # First: an alarm that is on its way already is not to set another, which would find nobody
        # to take it any more and end the process.
        self._over = True
        if self.seen:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self._before:
            sys.unraisablehook = self._print_lost
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        if not self._over:
            signal.setitimer(signal.ITIMER_REAL, self.AGAIN_S)
        raise KeyboardInterrupt

    def _lost(self, lost: sys.UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            self._print_lost(lost)

    def _again(self, number: int, frame: FrameType | None) -> None:
        if self._over:
            return
        signal.setitimer(signal.ITIMER_REAL, self.AGAIN_S)
        if sys.exc_info()[0] is None:  # nothing is being unwound: the last one was swallowed
            raise KeyboardInterrupt
