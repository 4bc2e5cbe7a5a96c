"""Debian packages of any architecture, unpacked into the cache: nothing is installed.

The machine's own package sources are used; lists and archives stay in the cache.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tvmedge.device.folders import atomic_folder, locked
from tvmedge.errors import ToolError
from tvmedge.resources import cache_dir


def unpacked(architecture: str, packages: Sequence[str]) -> Path:
    """A folder that holds the files of ``packages``, downloaded at first use.

    Raises:
        ToolError: apt-get or dpkg-deb failed, or a package is not known.
    """
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    folder = cache_dir("debian") / f"{architecture}-{key}"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            with atomic_folder(folder) as fresh, tempfile.TemporaryDirectory() as work:
                _unpack(architecture, packages, Path(work), fresh)
    return folder


def _unpack(architecture: str, packages: Sequence[str], work: Path, out: Path) -> None:
    lists, status = work / "lists", work / "status"
    (lists / "partial").mkdir(parents=True)
    status.touch()
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures::": architecture,
        "APT::Sandbox::User": "root",
        "Dir::State::lists": lists,
        "Dir::State::status": status,
        "Dir::Cache": work,
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in settings.items())]
    _call([*apt, "update"], work)
    _call([*apt, "download", *packages], work)
    for archive in sorted(work.glob("*.deb")):
        _call(["dpkg-deb", "-x", str(archive), str(out)], work)


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
