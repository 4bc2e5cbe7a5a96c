"""Where data lives: shipped targets, the user's cache, and safe writes."""

from __future__ import annotations

import abc
import contextlib
import errno
import hashlib
import importlib.resources
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import platformdirs

from tvmedge.errors import ToolError

if TYPE_CHECKING:
    from importlib.abc import Traversable

_BLOCK = 1 << 20


def targets_root() -> Traversable:
    """The shipped ``targets/`` folder, in a wheel as in an editable install."""
    return importlib.resources.files("tvmedge.targets")


def device_sources() -> Path:
    """The folder of C sources that run on a board."""
    return Path(__file__).parent / "device"


def cache_dir(name: str) -> Path:
    """``$XDG_CACHE_HOME/tvmedge/<name>``, made when missing.

    Raises:
        ToolError: the folder cannot be made.
    """
    path = Path(platformdirs.user_cache_dir("tvmedge", appauthor=False)) / name
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


S = TypeVar("S", bound="Closing")


class Closing(abc.ABC):
    """A context manager that closes itself at the end."""

    @abc.abstractmethod
    def close(self) -> None:
        """End what was started."""

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` while writing ``path`` into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ToolError(
                f"No space left on disk while writing '{path}': free some space and run again."
            ) from error
        raise ToolError(
            f"Cannot write '{path}': {error.strerror or error}; choose a writable place."
        ) from error


@contextlib.contextmanager
def temporary_folder(prefix: str = "tvmedge-") -> Iterator[Path]:
    """A new folder of the temporary ones, removed in the end.

    Not ``TemporaryDirectory``: a Ctrl-C in the middle of its own work leaves the folder behind.

    Raises:
        ToolError: the disk is full or takes no folder.
    """
    temporary = Path(tempfile.gettempdir())
    folder = temporary / f"{prefix}{secrets.token_hex(8)}"
    with disk_errors(temporary):
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            _removed(folder)


def _removed(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:  # rmtree turns some interrupts into an OSError
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that replaces it when the block succeeds.

    On any error or interrupt the temporary file is removed and ``target`` is
    left as it was.

    Raises:
        ToolError: the disk is full or the folder is not writable.
    """
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            # mkstemp makes private files; an artifact follows the user's umask.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            _sync(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
