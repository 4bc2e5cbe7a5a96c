"""The folder a user copies to a board: server, runtime libraries, licences, README."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from tvmedge.device.build_server import build_server
from tvmedge.device.folders import SUMS, atomic_folder, locked, sums_match, write_sums
from tvmedge.device.runtime_wheels import RuntimeFiles, cached_runtime, ensure_runtime
from tvmedge.errors import InputError, ToolError
from tvmedge.resources import cache_dir, disk_errors
from tvmedge.targeting import TargetSpec

SERVER = "tvmedge-server"
EXTRA = "lib/libtvm_runtime_extra.so"

_README = """\
Copy this folder to the board, for example: scp -r {folder} USER@BOARD:tvmedge-board
Over ssh, without an open port, a host starts: ssh USER@BOARD tvmedge-board/tvmedge-server
For other TVM clients run on the board: tvmedge-board/tvmedge-server --listen 127.0.0.1:9090
"""


@dataclass(frozen=True)
class PackedFile:
    """A file of a board folder and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class PackReport:
    """What ``pack_board`` wrote, and the sum of all sizes in bytes."""

    folder: Path
    files: tuple[PackedFile, ...]
    total: int


def pack_board(spec: TargetSpec, out: Path, *, extra: bool = False) -> PackReport:
    """Write the board folder of a target to ``out``, replacing an earlier one.

    ``extra`` includes the library with sorting and random numbers (1.3 MB), which
    models with TopK or NonMaxSuppression need. Downloads TVM's wheel for the board
    when it is not cached.

    Raises:
        InputError: the target has no runtime, or ``out`` holds something else.
        ToolError: the download or the compiler fails, or the disk is full.
    """
    tag = _platform(spec)
    if out.exists() and not _replaceable(out):
        raise InputError(
            f"'{out}' exists and is not a board folder made by tvmedge: name another one."
        )
    runtime = ensure_runtime(tag)
    # Not out.name alone: "." and "DIR/" have none.
    _assemble(spec, runtime, out.resolve(), extra=extra)
    sizes = ((path, path.stat().st_size) for path in sorted(out.rglob("*")) if path.is_file())
    files = tuple(PackedFile(path.relative_to(out).as_posix(), size) for path, size in sizes)
    return PackReport(out, files, sum(file.size for file in files))


def cached_board(spec: TargetSpec) -> Path:
    """The board folder of a target inside the cache, for boards on this machine.

    Never downloads; every file is hashed again before it is used.

    Raises:
        InputError: the target has no runtime.
        ToolError: the runtime is not in the cache, or the server cannot be built.
    """
    tag = _platform(spec)
    runtime = cached_runtime(tag)
    if runtime is None:
        raise ToolError(
            f"The runtime for {spec.name} is not on this machine yet: "
            f"run 'tvmedge board pack {spec.name} -o DIR' once, which downloads it."
        )
    server = build_server(spec.toolchain.triple, runtime)
    made_from = f"{server.name} {sorted(runtime.files.values())}"
    key = hashlib.sha256(made_from.encode()).hexdigest()[:16]
    folder = cache_dir("boards") / f"{tag}-{key}"
    if not sums_match(folder):
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not sums_match(folder):
                _assemble(spec, runtime, folder, extra=True)
    return folder


def _assemble(spec: TargetSpec, runtime: RuntimeFiles, out: Path, *, extra: bool) -> None:
    server = build_server(spec.toolchain.triple, runtime)
    with atomic_folder(out) as fresh, disk_errors(out):
        shutil.copyfile(server, fresh / SERVER)
        (fresh / SERVER).chmod(0o755)
        for name, source in runtime.files.items():
            if name != EXTRA or extra:
                (fresh / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(source, fresh / name)
        (fresh / "README").write_text(_README.format(folder=out.name), encoding="utf-8")
        write_sums(fresh)


def _platform(spec: TargetSpec) -> str:
    if spec.runtime.platform is None:
        raise InputError(
            f"Target {spec.name} has no board folder, it is compile-only for TVM's VM: "
            f"{spec.runtime.reason}; a bundle made with --form library needs no runtime."
        )
    return spec.runtime.platform


def _replaceable(out: Path) -> bool:
    """Whether ``out`` is an empty folder or one that only ``pack_board`` fills."""
    if not out.is_dir():
        return False
    names = {path.name for path in out.iterdir()}
    ours = {SERVER, "lib", "licences", "README", SUMS}
    return not names or (names <= ours and {SERVER, SUMS} <= names)
