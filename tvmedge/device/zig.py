"""The zig toolchain: the one compiler and linker used here, for every target."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from tvmedge.errors import ToolError
from tvmedge.resources import cache_dir

_FULL = ("NoSpaceLeft", "No space left", "DiskQuota")
_LINES_SHOWN = 4
_LEAST_FREE = 1 << 20


def zig_version() -> str:
    """The installed ziglang package's version, which is the compiler's.

    Raises:
        ToolError: ziglang is not installed.
    """
    try:
        return metadata.version("ziglang")
    except metadata.PackageNotFoundError as error:
        raise _missing() from error


def zig_cc(args: Sequence[str], what: str) -> None:
    """Compile or link with ``zig cc`` and these arguments; ``what`` is for the error message.

    Raises:
        ToolError: ziglang is missing, the disk is full, or the compiler failed.
    """
    _run(["cc", *args], what)


def zig_cxx(args: Sequence[str], what: str) -> None:
    """``zig_cc`` for C++, with zig's own C++ library.

    Raises:
        ToolError: ziglang is missing, the disk is full, or the compiler failed.
    """
    _run(["c++", *args], what)


def zig_archive(archive: Path, objects: Sequence[Path]) -> None:
    """Put objects into a new static library; the same ones give the same bytes.

    Raises:
        ToolError: ziglang is missing, the disk is full, or an object is none.
    """
    _run(["ar", "rcsD", str(archive), *map(str, objects)], archive.name)


def zig_shared(library: Path, objects: Sequence[Path]) -> None:
    """Link objects into a shared library, by zig's linker alone: what they leave undefined,
    C's functions too, is for whoever loads it to have.

    Raises:
        ToolError: ziglang is missing, the disk is full, or the linker failed.
    """
    _run(["ld.lld", "-shared", "-o", str(library), *map(str, objects)], library.name)


def _run(args: Sequence[str], what: str) -> None:
    cache = str(cache_dir("zig"))
    # Both, or zig leaves a .zig-cache in the current directory.
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    try:
        status, output = _ended([zig_program(), *args], environment)
    except OSError as error:
        raise ToolError(
            f"Cannot start the zig compiler ({error.strerror}): run 'pip install ziglang'."
        ) from error
    if status == 0:
        return
    message = output.decode(errors="replace")
    if any(sign in message for sign in _FULL) or (status < 0 and _disk_full(args)):
        raise ToolError(
            f"No space left on disk while building {what}: free some space and run again."
        )
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line] or lines[-_LINES_SHOWN:]
    shown = "; ".join(errors[:_LINES_SHOWN]) or f"exit status {status}"
    raise ToolError(f"The zig compiler could not build {what}: {shown}.")


def _ended(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, bytes]:
    """A command's exit status and all that it printed. An interrupt waits for the processes that
    zig started, too: they would go on to write into a folder that is being removed."""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        try:
            output = process.stdout.read()
            return process.wait(), output
        except BaseException:
            process.kill()
            process.stdout.read()  # ends when the last of them does
            raise


def _disk_full(args: Sequence[str]) -> bool:
    """Whether the output's disk is full: zig's linker then aborts without a word."""
    if "-o" not in args:
        return False
    folder = Path(args[list(args).index("-o") + 1]).parent
    return shutil.disk_usage(folder).free < _LEAST_FREE


def zig_program() -> str:
    """Its path. Raises ToolError if ziglang is not installed."""
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise _missing()
    # The program itself: `python -m ziglang` would start an interpreter first.
    return str(Path(spec.origin).parent / "zig")


def _missing() -> ToolError:
    return ToolError("The zig compiler is not installed: run 'pip install ziglang'.")
