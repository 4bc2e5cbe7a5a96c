"""Builds the loops that measure what this machine can do at most, on first use."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from tvmedge.device.zig import zig_cc, zig_version
from tvmedge.resources import atomic_path, cache_dir, device_sources
from tvmedge.targeting import target

_FLAGS = (
    *("-std=gnu11", "-O2", "-ffp-contract=fast", "-mcpu=native"),
    *("-fPIC", "-shared", "-s", "-Wall", "-Wextra", "-Werror"),
)
_WIDE = ("-mprefer-vector-width=512",)  # else clang takes half of a vector of x86's


def build_peaks() -> Path:
    """A shared library with the functions of ``peaks.c`` for this CPU, from the cache if it is
    there.

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    source = device_sources() / "peaks.c"
    cpu = f"{target('host').tvm['mcpu']} {target('host').features}"
    flags = [*_FLAGS, *(_WIDE if platform.machine() == "x86_64" else ())]
    key = hashlib.sha256(f"{zig_version()} {flags} {cpu}".encode() + source.read_bytes())
    library = cache_dir("timer") / f"peaks-{key.hexdigest()[:16]}.so"
    if not library.is_file():
        with atomic_path(library) as temporary:
            zig_cc([*flags, str(source), "-o", str(temporary)], "the loops that measure peaks")
    return library
