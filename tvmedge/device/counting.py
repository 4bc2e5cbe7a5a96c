"""Counts the instructions that programs execute under QEMU's user mode.

The plugin (``instruction_counter.c``) keeps its counts in a mapped file, so they can be read
while the program waits for input.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from tvmedge.device.zig import zig_cc, zig_version
from tvmedge.resources import atomic_path, cache_dir, device_sources, sha256_file

BLOCKS_MOST = 1 << 17
"""Blocks that have room in the file: code that comes later is counted, but not in blocks."""

_HEAD = struct.Struct("<QQ")
_BLOCK = struct.Struct("<QQQ")


@dataclass(frozen=True)
class ExecutedBlock:
    """``size`` bytes of code at ``address`` that ran from end to end ``executions`` times.

    One that control enters in its middle is another, so blocks may overlap.
    """

    address: int
    size: int
    executions: int


@dataclass(frozen=True)
class Counter:
    """The count of one emulated program, in ``file``, which its start empties."""

    file: Path

    def environment(self) -> dict[str, str]:
        """This process's, with what makes a QEMU started in it count."""
        return os.environ | {"QEMU_PLUGIN": f"file={_plugin()},out={self.file}"}

    def places(self) -> tuple[Path, Path]:
        """The folders of the plugin and of ``file``: one to read, one to write."""
        return _plugin().parent, self.file.parent

    def read(self) -> int:
        """Instructions executed so far."""
        return self._head()[0]

    def known_blocks(self) -> int:
        """Blocks that the program has come to so far."""
        return self._head()[1]

    def blocks(self, first: int = 0) -> list[ExecutedBlock]:
        """The blocks from the ``first`` on, in the order in which the program came to them."""
        count = min(self.known_blocks(), BLOCKS_MOST) - first
        with self.file.open("rb") as file:
            file.seek(_HEAD.size + first * _BLOCK.size)
            content = file.read(max(count, 0) * _BLOCK.size)
        return [ExecutedBlock(*fields) for fields in _BLOCK.iter_unpack(content)]

    def _head(self) -> tuple[int, int]:
        with self.file.open("rb") as file:
            instructions, blocks = _HEAD.unpack(file.read(_HEAD.size))
        return instructions, blocks


def _plugin() -> Path:
    """The plugin as a shared library, built at first use."""
    source = device_sources() / "instruction_counter.c"
    library = cache_dir("counter") / f"{sha256_file(source)[:12]}-{zig_version()}.so"
    if not library.is_file():
        with atomic_path(library) as temporary:
            flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
            # QEMU itself has what the plugin calls.
            flags += ["-fvisibility=hidden", "-Wl,-z,undefs"]
            zig_cc([*flags, str(source), "-o", str(temporary)], "the counting plugin")
    return library
