"""picolibc, the C library of programs without an operating system that are linked here.

Debian's package brings it for every Arm core there is, and GCC with it: of an installed one
its folder is used, else what ``fetch_picolibc`` unpacked of it into the cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tvmedge.device.debian import native, place, unpacked
from tvmedge.errors import ToolError

_PACKAGE = "picolibc-arm-none-eabi"
_ROOT = Path("/usr/lib/picolibc/arm-none-eabi")
BUILDS = ("thumb/v7e-m+dp/hard", "thumb/v8-m.main+dp/hard")
"""Of those of the package: what targets name in ``emulator.machine.libc``."""


def picolibc(build: str) -> Path:
    """The folder with ``include`` and ``lib/<build>``; never downloads.

    Raises:
        ToolError: it is not on this machine.
    """
    cached = place(native(), [_PACKAGE], list(_members()))
    for root in (_ROOT, cached / _ROOT.relative_to("/")):
        if (root / "lib" / build / "libc.a").is_file():
            return root
    raise ToolError(
        f"picolibc for {build} is not on this machine: run scripts/setup, or "
        f"'apt-get install {_PACKAGE}'."
    )


def fetch_picolibc() -> None:
    """Unpack what targets need of it into the cache, unless it is there.

    Raises:
        ToolError: it cannot be had from Debian.
    """
    unpacked(native(), [_PACKAGE], list(_members()))


def _members() -> Iterable[str]:
    """As the archive names them."""
    yield f".{_ROOT}/include"
    yield f"./usr/share/doc/{_PACKAGE}/copyright"
    yield from (f".{_ROOT}/lib/{build}" for build in BUILDS)
