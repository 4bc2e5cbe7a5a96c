"""Builds the board's server on first use: C sources in, one small program out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from tvmedge.device.built import build_key, headers
from tvmedge.device.runtime_wheels import RuntimeFiles
from tvmedge.device.zig import zig_cc
from tvmedge.resources import atomic_path, cache_dir, device_sources
from tvmedge.targeting import Toolchain

_WITH_SESSION = ("running_note.h", "sent_files.h")
_COUNTS = ("counts.h", "counts_plugin.h", "counts_hexagon.h")
_SHARED = ("packets.h", "system_linux.h", *_WITH_SESSION, *_COUNTS)
_LOADED = ("loader.h",)
SERVER_FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-Os", "-s", "-Wall", "-Wextra", "-Werror")


def build_server(triple: str, runtime: RuntimeFiles) -> Path:
    """The server for a zig target triple, linked against the board's own runtime libraries.

    Built when it is not cached; processes that build at the same time each write the
    same file. The result is a plain file without the executable bit.

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    folder = device_sources()
    sources = [*sorted(folder.glob("server*.[ch]")), *(folder / name for name in _WITH_SESSION)]
    server = (
        cache_dir("server") / f"tvmedge-server-{triple}-{build_key(triple, SERVER_FLAGS, sources)}"
    )
    if not server.is_file():
        with atomic_path(server) as temporary:
            zig_cc(_arguments(triple, sources, runtime, temporary), f"the server for {triple}")
    return server


def build_library_server(triple: str) -> Path:
    """The server for boards that load freestanding libraries: it needs libc and its loader.

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    return _small_server("library", ("library.h", "library_loaded.h"), triple)


def linked_server_sha256() -> str:
    """The hash of what ``linked_server.link_server`` adds to a library: a host knows by it whether
    a program that was linked elsewhere speaks as its own would."""
    digest = hashlib.sha256()
    for name in ("library_server.c", "library.h", "library_linked.h", *_SHARED):
        digest.update(name.encode() + b"\0" + (device_sources() / name).read_bytes() + b"\0")
    return digest.hexdigest()


def build_kernel_server(triple: str) -> Path:
    """The server for boards that run single kernels: it needs libc and its loader.

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    return _small_server("kernel", ("kernel_loaded.h",), triple)


def build_kernel_part(triple: str, flags: Sequence[str], symbol: str) -> Path:
    """The server of single kernels for boards that load nothing, as an object to link with a
    kernel of the name ``symbol``.

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    files = ("kernel_server.c", "kernel_linked.h", *_SHARED)
    sources = [device_sources() / file for file in files]
    options = ["-target", triple, *flags, *SERVER_FLAGS, f"-DTVMEDGE_KERNEL={symbol}", "-c"]
    key = build_key(triple, options, sources)
    made = cache_dir("server") / f"kernel-server-{triple}-{key}.o"
    if not made.is_file():
        with atomic_path(made) as temporary:
            zig_cc([*options, str(sources[0]), "-o", str(temporary)], f"the server for {triple}")
    return made


def build_tensor_call(triple: str) -> Path:
    """What makes a kernel in C's convention a function of TVM's, as an object to link with it.

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    return _called("tensor_call.c", triple, ["-c"], ".o")


def build_rpc_library(toolchain: Toolchain) -> Path:
    """What TVM's servers load to call a freestanding library (rpc_library.c).

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    # What it calls is there in whoever loads it: zig has no C library for some.
    flags = ["-std=gnu11", "-ffreestanding", "-fvisibility=hidden", "-shared", "-nostdlib", "-s"]
    return _called("rpc_library.c", toolchain.triple, flags, ".so")


def _called(file: str, triple: str, own: Sequence[str], suffix: str) -> Path:
    """A source of functions that TVM's servers call, built with the flags ``own``."""
    source = device_sources() / file
    flags = [f"--target={triple}", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror", *own]
    key = build_key(triple, flags, [source])
    made = cache_dir("server") / f"{source.stem}-{triple}-{key}{suffix}"
    if not made.is_file():
        with atomic_path(made) as temporary:
            include = f"-I{headers('tvm_ffi')}"
            zig_cc([*flags, include, str(source), "-o", str(temporary)], file)
    return made


def _small_server(name: str, own: Sequence[str], triple: str) -> Path:
    """``<name>_server.c`` as a program; it includes ``own`` and what both share."""
    files = (f"{name}_server.c", *own, *_LOADED, *_SHARED)
    sources = [device_sources() / file for file in files]
    key = build_key(triple, SERVER_FLAGS, sources)
    server = cache_dir("server") / f"tvmedge-{name}-server-{triple}-{key}"
    if not server.is_file():
        # libm is there for what is loaded to find, libpthread because C libraries that have one
        # want it from the start.
        libraries = ["-ldl", "-Wl,--no-as-needed", "-lm", "-lpthread"]
        options = [f"--target={triple}", *SERVER_FLAGS, str(sources[0]), *libraries]
        with atomic_path(server) as temporary:
            zig_cc([*options, "-o", str(temporary)], f"the server for {triple}")
    server.chmod(0o755)  # QEMU asks for it
    return server


def _arguments(triple: str, sources: list[Path], runtime: RuntimeFiles, output: Path) -> list[str]:
    code = [str(path) for path in sources if path.suffix == ".c"]
    libraries = [str(path) for path in runtime.libraries if "extra" not in path.name]
    return [
        f"--target={triple}",
        *SERVER_FLAGS,
        f"-I{headers('tvm_ffi')}",
        f'-DTVMEDGE_VERSION="{metadata.version("tvmedge")}"',
        *code,
        "-Wl,--no-as-needed",
        *libraries,
        "-ldl",
        "-Wl,-rpath,$ORIGIN/lib",
        "-o",
        str(output),
    ]
