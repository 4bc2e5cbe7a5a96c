"""Objects from LLVM become one shared library, linked by zig for any target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tvmedge.device.zig import zig_cc
from tvmedge.targeting import Toolchain

# Stripped and without a build id: the same inputs must give the same bytes.
_SHARED = ("-shared", "-fPIC", "-s", "-O2", "-Wl,--build-id=none", "-Wl,--hash-style=gnu")

FCompile = Callable[[str, Sequence[str], Sequence[str]], None]


def linker(toolchain: Toolchain) -> FCompile:
    """The ``fcompile`` of TVM's ``export_library`` for a target's toolchain.

    Raises (when called):
        ToolError: zig is missing, the link failed, or the disk is full.
    """

    def link(output: str, objects: Sequence[str], options: Sequence[str] | None = None) -> None:
        libraries = () if "-nostdlib" in toolchain.flags else ("-lm",)
        zig_cc(
            [
                "-target",
                toolchain.triple,
                *_SHARED,
                *toolchain.flags,
                "-o",
                output,
                *objects,
                *libraries,
            ],
            what=f"linking {Path(output).name} for {toolchain.triple}",
        )

    return link
