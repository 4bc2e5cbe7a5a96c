"""QEMU's programs: the installed one, or a newer one of Debian's backports in the cache.

Debian 12 has 7.2, which the ARM targets are tested with and whose programs take plugins; Hexagon
wants 10. Both are kept: the newer one is unpacked into the cache and replaces nothing.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tvmedge.device.debian import native, place, unpacked
from tvmedge.errors import ToolError
from tvmedge.targeting import Emulator, TargetSpec


def qemu(spec: TargetSpec, emulator: Emulator) -> Path:
    """The program that imitates ``spec``'s board; never downloads.

    Raises:
        ToolError: it is not on this machine, or too old.
    """
    installed = shutil.which(emulator.program)
    if emulator.version is None:
        if installed is None:
            raise ToolError(
                f"Cannot emulate {spec.name}, {emulator.program} is not installed: "
                f"run 'apt-get install {' '.join(emulator.packages)}'."
            )
        return Path(installed)
    if installed is not None and _version(Path(installed)) >= emulator.version:
        return Path(installed)
    if (cached := _cached(emulator)).is_file():
        return cached
    here = "is not installed" if installed is None else f"is version {_version(Path(installed))}"
    raise ToolError(
        f"Cannot emulate {spec.name}, {emulator.program} {here} here and has to be "
        f"{emulator.version} or newer: run 'tvmedge board up {spec.name}' once, which fetches it."
    )


def fetch_qemu(spec: TargetSpec, emulator: Emulator) -> Path:
    """``qemu``, unpacked from Debian's backports into the cache unless it is there.

    Raises:
        ToolError: it cannot be had from Debian, or is too old there.
    """
    if emulator.version is not None and not _present(spec, emulator):
        unpacked(native(), emulator.packages, list(_members(emulator)), backports=True)
        if (found := _version(_cached(emulator))) < emulator.version:
            raise ToolError(
                f"Debian's backports have {emulator.program} {found} only, and {spec.name} needs "
                f"{emulator.version}: install a newer QEMU."
            )
    return qemu(spec, emulator)


def _present(spec: TargetSpec, emulator: Emulator) -> bool:
    try:
        qemu(spec, emulator)
    except ToolError:
        return False
    return True


def _cached(emulator: Emulator) -> Path:
    root = place(native(), emulator.packages, list(_members(emulator)))
    return root / "usr" / "bin" / emulator.program


def _members(emulator: Emulator) -> Iterator[str]:
    """As the archive names them."""
    yield f"./usr/bin/{emulator.program}"
    yield from (f"./usr/share/doc/{package}/copyright" for package in emulator.packages)


@functools.cache
def _version(program: Path) -> int:
    """The major version that it says it has; 0 where it says none."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r"version (\d+)\.", said)
    return int(match[1]) if match else 0
