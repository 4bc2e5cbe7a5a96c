"""Builds the loop that times kernels on this machine, on first use."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tvmedge.device.zig import zig_cc, zig_version
from tvmedge.resources import atomic_path, cache_dir, device_sources

_FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-s", "-Wall", "-Wextra", "-Werror")


def build_timer() -> Path:
    """A shared library with ``tvmedge_time_calls`` and the loop ``tvmedge_clock`` (time_calls.c),
    from the cache if it is there.

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    source = device_sources() / "time_calls.c"
    key = hashlib.sha256(f"{zig_version()} {_FLAGS}".encode() + source.read_bytes())
    library = cache_dir("timer") / f"time_calls-{key.hexdigest()[:16]}.so"
    if not library.is_file():
        with atomic_path(library) as temporary:
            zig_cc([*_FLAGS, str(source), "-o", str(temporary)], "the timer of kernels")
    return library
