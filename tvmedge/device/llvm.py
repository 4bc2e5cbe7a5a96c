"""LLVM's own programs, which no package of Python's brings: llvm-mca, llvm-objdump."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence

from tvmedge.device.debian import unpacked
from tvmedge.errors import ToolError

VERSION = 19
_PACKAGES = ("libedit2", "libllvm19", "libxml2", "libz3-4", f"llvm-{VERSION}")


def llvm(program: str, arguments: Sequence[str], text: str = "") -> str:
    """What ``program`` prints, given ``text`` on its stdin.

    Debian's packages are unpacked into the cache where they are not installed.

    Raises:
        ToolError: it is not to be had, or fails.
    """
    path, environment = _found(program)
    done = subprocess.run(
        [path, *arguments], input=text, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[0]
        raise ToolError(f"{program} failed: {said[:200]}")
    return done.stdout


@functools.cache
def _found(program: str) -> tuple[str, dict[str, str] | None]:
    """Its path, and the environment that it needs."""
    if installed := shutil.which(f"{program}-{VERSION}"):
        return installed, None
    if shutil.which("dpkg") is None:
        raise ToolError(f"{program} {VERSION} is missing: install LLVM {VERSION}'s programs.")
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    root = unpacked(architecture, _PACKAGES)
    folders = sorted({str(path.parent) for path in root.rglob("*.so.*")})
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(folders)}
    return str(root / f"usr/lib/llvm-{VERSION}/bin/{program}"), environment
