"""A shared library in this process for a while."""

from __future__ import annotations

import contextlib
import ctypes
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def loaded(library: bytes) -> Iterator[ctypes.CDLL]:
    """``library`` from a file of its own: the loader knows files by name, and would take the
    next candidate for the last one."""
    with tempfile.NamedTemporaryFile(prefix="tvmedge-", suffix=".so") as file:
        file.write(library)
        file.flush()
        made = ctypes.CDLL(file.name)
    try:
        yield made
    finally:
        ctypes.CDLL(None).dlclose(ctypes.c_void_p(made._handle))
