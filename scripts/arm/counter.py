"""Counts the instructions that programs execute under QEMU's user mode.

The plugin (``counter.c``) keeps its count in a mapped file, so it can be read while
the program waits for input: ``counted(run)`` is what one call of ``run`` takes.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from tvmedge.device.zig import zig_cc, zig_version
from tvmedge.resources import atomic_path, cache_dir, sha256_file

SOURCE = Path(__file__).with_name("counter.c")


@dataclass(frozen=True)
class Counter:
    """The count of one emulated program and its children, in ``file``; ``blocks``: a
    folder in which each leaves, at its end, how often it ran which code."""

    file: Path
    blocks: Path | None = None

    def environment(self) -> dict[str, str]:
        """This process's, with what makes every QEMU started in it count."""
        told = f"file={_plugin()},out={self.file}"
        if self.blocks:
            told += f",blocks={self.blocks}"
        return os.environ | {"QEMU_PLUGIN": told}

    def read(self) -> int:
        """Instructions executed so far."""
        (count,) = struct.unpack("<Q", self.file.read_bytes())
        return int(count)


def _plugin() -> Path:
    """The plugin as a shared library, built at first use."""
    name = f"counter-{sha256_file(SOURCE)[:12]}-{zig_version()}.so"
    library = cache_dir("arm") / name
    if not library.is_file():
        with atomic_path(library) as temporary:
            flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
            # QEMU itself has what the plugin calls.
            flags += ["-fvisibility=hidden", "-Wl,-z,undefs"]
            zig_cc([*flags, str(SOURCE), "-o", str(temporary)], "the counting plugin")
    return library
