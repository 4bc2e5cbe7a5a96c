"""Folders that appear whole or not at all, and say what they hold."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tvmedge.resources import atomic_path, disk_errors, sha256_file

SUMS = "SHA256SUMS"


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside ``target`` that replaces it when the block succeeds.

    On any error or interrupt ``target`` stays as it was.

    Raises:
        ToolError: the disk is full or the parent is not writable.
    """
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            fresh = work / "new"
            fresh.mkdir()
            yield fresh
            if target.exists():
                target.rename(work / "old")
            fresh.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``: one process at a time makes what it stands for."""
    with disk_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_sums(folder: Path) -> None:
    """Write the hashes of all files under ``folder``, in the form ``sha256sum -c`` reads."""
    lines = [f"{sha256_file(folder / name)}  {name}\n" for name in _names(folder)]
    with atomic_path(folder / SUMS) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def sums_match(folder: Path) -> bool:
    """Whether ``folder`` holds exactly the files its sums list, unaltered."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        stated = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        return stated == {name: sha256_file(folder / name) for name in _names(folder)}
    except (OSError, UnicodeDecodeError):
        return False


def _names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return sorted(path.relative_to(folder).as_posix() for path in files)
