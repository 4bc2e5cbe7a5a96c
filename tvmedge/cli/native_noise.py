"""Keep what C++ libraries print out of the way of our one sentence."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

log = logging.getLogger(__name__)


@contextlib.contextmanager
def own_stderr() -> Iterator[None]:
    """Let Python's stderr have a descriptor of its own, so that 2 can be turned away."""
    before = sys.stderr
    try:
        ours = before.fileno() == 2
    except (AttributeError, OSError, ValueError):
        ours = False  # a stream in memory, or closed
    if not ours:
        yield
        return
    # Never closed: log handlers keep it.
    sys.stderr = open(os.dup(2), "w", buffering=1, errors="backslashreplace")  # noqa: PTH123, SIM115
    try:
        yield
    finally:
        sys.stderr = before


@contextlib.contextmanager
def native_noise_logged() -> Iterator[None]:
    """Descriptor 2 goes to the log (shown with -v): TVM warns of its own internals there."""
    sys.stderr.flush()
    before = os.dup(2)
    noise = os.memfd_create("stderr")
    try:
        os.dup2(noise, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        text = os.pread(noise, 1 << 20, 0).decode(errors="replace")
        os.close(noise)
        if text.strip():
            log.debug("%s", text.strip())
