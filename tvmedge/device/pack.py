"""The folder a user copies to a board: server, runtime libraries, licences, README."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tvmedge.device.build_opencl import build_opencl
from tvmedge.device.build_server import (
    build_kernel_server,
    build_library_server,
    build_server,
)
from tvmedge.device.build_session import build_session
from tvmedge.device.folders import SUMS, atomic_folder, locked, sums_match, write_sums
from tvmedge.device.runtime_wheels import RuntimeFiles, cached_runtime, ensure_runtime
from tvmedge.errors import InputError, ToolError
from tvmedge.resources import cache_dir, disk_errors
from tvmedge.targeting import TargetSpec
from tvmedge.types import Form, Serves

SESSION = "tvmedge-session"
SERVER = "tvmedge-server"
LIBRARY_SERVER = "tvmedge-library-server"
KERNEL_SERVER = "tvmedge-kernel-server"
SERVERS = {
    Serves.VM: SERVER,
    Serves.LIBRARY: LIBRARY_SERVER,
    Serves.KERNELS: KERNEL_SERVER,
}
"""The file of each server in a board folder."""
PROGRAM_WEIGHTS = "weights.safetensors"
"""Beside a server with a model inside, what that is given at its start."""
EXTRA = "lib/libtvm_runtime_extra.so"
OPENCL = "lib/libtvmedge-opencl.so"

_README_VM = """\
Over ssh nothing needs to be copied: tvmedge run BUNDLE --board ssh://USER@BOARD brings these files.
By hand, without an open port: scp -r {folder} USER@BOARD:tvmedge-board, then a host starts
ssh USER@BOARD tvmedge-board/tvmedge-session -- tvmedge-board/tvmedge-server
For other TVM clients run on the board: tvmedge-board/tvmedge-server --listen 127.0.0.1:9090
"""

_README_GPU = """\
Bundles for a GPU also need its OpenCL driver on the board: a libOpenCL.so.1 that knows it, or the
vendor's libmali.so; lib/libtvmedge-opencl.so looks for these. TVMEDGE_OPENCL_LIBRARY names another.
Set TVMEDGE_OPENCL_CACHE to a folder of your own to keep built kernels between sessions.
"""

_README_LIBRARY = """\
Over ssh nothing needs to be copied: tvmedge run BUNDLE --board ssh://USER@BOARD brings these files.
By hand, without an open port: scp -r {folder} USER@BOARD:tvmedge-board, then a host starts
ssh USER@BOARD tvmedge-board/tvmedge-session -- tvmedge-board/tvmedge-library-server
It runs freestanding libraries (tvmedge compile --form library) and needs the board's libc only.
"""

_README_PROGRAM = """\
tvmedge-server is a model linked with tvmedge's server, a static Linux program for {target}.
tvmedge run BUNDLE --board emulated starts the same; by hand: qemu-hexagon -cpu v67 tvmedge-server
It takes packets on stdin and answers on stdout (library_server.c of tvmedge says which);
weights.safetensors, where there is one, is what its packet 'W' wants.
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


def pack_board(
    spec: TargetSpec, out: Path, *, form: Form | None = None, extra: bool = False
) -> PackReport:
    """Write the board folder of a target to ``out``, replacing an earlier one; of one with a GPU
    it has our OpenCL runtime too.

    ``form`` says of which bundles it is to run the code: a library's takes our small server and
    nothing else, the VM's a server and TVM's runtime; None is both, as far as the target has a
    runtime. ``extra`` includes the library with sorting and random numbers (1.3 MB), which
    models with TopK or NonMaxSuppression need. Downloads TVM's wheel for the board
    when it is not cached.

    Raises:
        InputError: the target cannot run that form, or ``out`` holds something else.
        ToolError: the download or the compiler fails, or the disk is full.
    """
    forms = _forms(spec, form)
    _require_replaceable(out)
    runtime = ensure_runtime(_platform(spec)) if Form.VM in forms else None
    # Not out.name alone: "." and "DIR/" have none.
    with atomic_folder(out.resolve()) as fresh, disk_errors(out):
        if runtime is not None:
            _add_runtime(spec, runtime, fresh, extra=extra)
        if Form.LIBRARY in forms:
            _add(build_library_server(spec.toolchain.triple), fresh / LIBRARY_SERVER)
        _add_rest(spec, fresh, out.resolve().name, forms)
    return _report(out)


def pack_program(spec: TargetSpec, files: Mapping[str, memoryview], out: Path) -> PackReport:
    """Write the folder of a board that loads no libraries to ``out``, replacing an earlier one:
    ``files`` by name, of which SERVER is a program with a model inside.

    Raises:
        InputError: ``out`` holds something else.
        ToolError: the disk is full.
    """
    _require_replaceable(out)
    with atomic_folder(out.resolve()) as fresh, disk_errors(out):
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        (fresh / SERVER).chmod(0o755)
        readme = _README_PROGRAM.format(target=spec.name)
        (fresh / "README").write_text(readme, encoding="utf-8")
        write_sums(fresh)
    return _report(out)


def _report(out: Path) -> PackReport:
    sizes = ((path, path.stat().st_size) for path in sorted(out.rglob("*")) if path.is_file())
    files = tuple(PackedFile(path.relative_to(out).as_posix(), size) for path, size in sizes)
    return PackReport(out, files, sum(file.size for file in files))


def cached_board(spec: TargetSpec, serves: Serves = Serves.VM) -> Path:
    """The board folder of a target with one server inside the cache.

    Never downloads; every file is hashed again before it is used.

    Raises:
        InputError: the target has no runtime, or no folder with that server.
        ToolError: the runtime is not in the cache, or a program cannot be built.
    """
    forms = _forms(spec, Form.VM if serves is Serves.VM else Form.LIBRARY)
    runtime = _cached_runtime(spec) if serves is Serves.VM else None
    server = _server(spec, serves, runtime)
    opencl = _opencl(spec, runtime) if runtime else None
    programs = [server, _session(spec), *([opencl] if opencl else [])]
    files = sorted(runtime.files.values()) if runtime else []
    made_from = " ".join([*(program.name for program in programs), *map(str, files)])
    key = hashlib.sha256(made_from.encode()).hexdigest()[:16]
    folder = cache_dir("boards") / f"{spec.toolchain.triple}-{key}"
    if not sums_match(folder):
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not sums_match(folder):
                with atomic_folder(folder) as fresh, disk_errors(folder):
                    if runtime is not None:
                        _add_runtime(spec, runtime, fresh, extra=True)
                    else:
                        _add(server, fresh / SERVERS[serves])
                    _add_rest(spec, fresh, folder.name, forms)
    return folder


def _cached_runtime(spec: TargetSpec) -> RuntimeFiles:
    runtime = cached_runtime(_platform(spec))
    if runtime is None:
        raise ToolError(
            f"The runtime for {spec.name} is not on this machine yet: "
            f"run 'tvmedge board pack {spec.name} -o DIR' once, which downloads it."
        )
    return runtime


def _server(spec: TargetSpec, serves: Serves, runtime: RuntimeFiles | None) -> Path:
    triple = spec.toolchain.triple
    if runtime is not None:
        return build_server(triple, runtime)
    kernels = serves is Serves.KERNELS
    return build_kernel_server(triple) if kernels else build_library_server(triple)


def _session(spec: TargetSpec) -> Path:
    return build_session(spec.toolchain.triple.partition("-")[0])


def _forms(spec: TargetSpec, form: Form | None) -> frozenset[Form]:
    """The forms that a folder is for."""
    if spec.accelerator is not None:
        if form is Form.LIBRARY:
            raise InputError(
                f"Bundles for {spec.name} run on its GPU, which no freestanding library can use: "
                "leave --form out."
            )
        form = Form.VM
    if form is Form.VM:
        _platform(spec)
    if form is not None:
        forms = {form}
    else:
        forms = {Form.LIBRARY} if spec.compile_only else {Form.LIBRARY, Form.VM}
    if not spec.toolchain.loader:
        carried = "give --bundle FILE, or " if "linux" in spec.toolchain.triple else ""
        raise InputError(
            f"Target {spec.name} has no board folder: its programs are linked with the model: "
            f"{carried}link one of your own (tvmedge compile --sdk DIR)."
        )
    if Form.LIBRARY in forms and "-nostdlib" in spec.toolchain.flags:
        raise InputError(
            f"Target {spec.name} has no board folder: there is no C library of "
            f"{spec.toolchain.triple} here to build a server with; its libraries are for apps "
            "(tvmedge compile --sdk DIR)."
        )
    return frozenset(forms)


def _add_runtime(spec: TargetSpec, runtime: RuntimeFiles, folder: Path, *, extra: bool) -> None:
    _add(build_server(spec.toolchain.triple, runtime), folder / SERVER)
    for name, source in runtime.files.items():
        if name != EXTRA or extra:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, folder / name)
    if opencl := _opencl(spec, runtime):
        shutil.copyfile(opencl, folder / OPENCL)


def _opencl(spec: TargetSpec, runtime: RuntimeFiles) -> Path | None:
    """Our OpenCL runtime for a board that has a GPU."""
    return build_opencl(spec.toolchain.triple, runtime) if spec.accelerator is not None else None


def _add(program: Path, copy: Path) -> None:
    shutil.copyfile(program, copy)
    copy.chmod(0o755)


def _add_rest(spec: TargetSpec, folder: Path, name: str, forms: frozenset[Form]) -> None:
    """What every folder has: the session program, a README, hashes."""
    _add(_session(spec), folder / SESSION)
    lines = _README_VM if Form.VM in forms else _README_LIBRARY
    if spec.accelerator is not None:
        lines += _README_GPU
    (folder / "README").write_text(lines.format(folder=name), encoding="utf-8")
    write_sums(folder)


def _platform(spec: TargetSpec) -> str:
    if spec.runtime.platform is None:
        way_out = (
            "its bundles are compiled, and run by an app that brings TVM's runtime"
            if spec.accelerator is not None
            else "a bundle made with --form library needs no runtime"
        )
        raise InputError(
            f"Target {spec.name} has no board folder for TVM's VM: {spec.runtime.reason}; "
            f"{way_out}."
        )
    return spec.runtime.platform


def _require_replaceable(out: Path) -> None:
    if out.exists() and not _replaceable(out):
        raise InputError(
            f"'{out}' exists and is not a board folder made by tvmedge: name another one."
        )


def _replaceable(out: Path) -> bool:
    """Whether ``out`` is an empty folder or one that only this file's functions fill."""
    if not out.is_dir():
        return False
    names = {path.name for path in out.iterdir()}
    servers = {SERVER, LIBRARY_SERVER}
    ours = {*servers, SESSION, PROGRAM_WEIGHTS, "lib", "licences", "README", SUMS}
    return not names or (names <= ours and SUMS in names and bool(names & servers))
