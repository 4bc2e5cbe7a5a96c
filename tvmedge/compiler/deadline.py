"""Work of others that may never end: in a thread, for so long and no longer.

Ctrl-C is heard meanwhile, which a call into C++ on the main thread would not allow.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Stop = Callable[[threading.Thread], object]
TICK_S = 0.1
GRACE_S = 2.0


def within(seconds: float, work: Callable[[], T], stop: Stop) -> T:
    """What ``work`` returns or raises; ``stop`` is called where it has to give up.

    Raises:
        TimeoutError: ``seconds`` went by.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        for _ in range(int(seconds / TICK_S) + 1):
            thread.join(TICK_S)
            if not thread.is_alive():
                break
        else:
            raise TimeoutError(f"it had not ended after {seconds:g} s")
    finally:
        if thread.is_alive():
            stop(thread)
            thread.join(GRACE_S)
    if errors:
        raise errors[0]
    return results[0]


def end_python(thread: threading.Thread) -> None:
    """Raise SystemExit in a thread that runs Python."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
    )
