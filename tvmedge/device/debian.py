"""Debian packages of any architecture, unpacked into the cache: nothing is installed.

The machine's own package sources are used; lists and archives stay in the cache.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tvmedge.device.backports import backports_sources
from tvmedge.device.folders import atomic_folder, locked
from tvmedge.errors import ToolError
from tvmedge.resources import cache_dir, temporary_folder

_EXTRACT = 'dpkg-deb --fsys-tarfile "$0" | tar -x -C "$@"'


def unpacked(
    architecture: str,
    packages: Sequence[str],
    only: Sequence[str] = (),
    *,
    backports: bool = False,
) -> Path:
    """A folder that holds the files of ``packages``, downloaded at first use; of some files
    and folders ``only``, if any are named. ``backports``: newer ones than this release has.

    Raises:
        ToolError: apt-get or dpkg-deb failed, or a package is not known.
    """
    folder = place(architecture, packages, only)
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            with atomic_folder(folder) as fresh, temporary_folder() as work:
                sources = backports_sources() if backports else None
                _unpack(architecture, packages, work, fresh, only, sources)
    return folder


def place(architecture: str, packages: Sequence[str], only: Sequence[str] = ()) -> Path:
    """Where ``unpacked`` puts this; it need not be there."""
    key = hashlib.sha256(" ".join([*packages, *only]).encode()).hexdigest()[:12]
    return cache_dir("debian") / f"{architecture}-{key}"


def native() -> str:
    """Debian's name of this machine's architecture."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _unpack(
    architecture: str,
    packages: Sequence[str],
    work: Path,
    out: Path,
    only: Sequence[str],
    sources: str | None,
) -> None:
    lists, status = work / "lists", work / "status"
    (lists / "partial").mkdir(parents=True)
    status.touch()
    settings: dict[str, object] = {
        "APT::Architecture": architecture,
        "APT::Architectures::": architecture,
        "APT::Sandbox::User": "root",
        "Dir::State::lists": lists,
        "Dir::State::status": status,
        "Dir::Cache": work,
    }
    if sources is not None:
        (work / "sources").mkdir()
        (work / "sources" / "debian.sources").write_text(sources, encoding="utf-8")
        settings |= {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": work / "sources"}
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in settings.items())]
    _call([*apt, "update"], work)
    _call([*apt, "download", *packages], work)
    for archive in sorted(work.glob("*.deb")):
        _call(["sh", "-c", _EXTRACT, str(archive), str(out), *only], work)


def _call(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ToolError(
            f"Cannot start {command[0]} ({error.strerror}): this needs Debian."
        ) from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ToolError(f"'{command[0]}' could not fetch Debian packages: {said}")
