"""Builds the OpenCL runtime on first use: C++ sources in, one library for TVM's runtime out."""

from __future__ import annotations

from pathlib import Path

from tvmedge.device.built import build_key, headers
from tvmedge.device.folders import locked
from tvmedge.device.runtime_wheels import RuntimeFiles
from tvmedge.device.zig import zig_cxx
from tvmedge.resources import atomic_path, cache_dir, device_sources

_FLAGS = (
    "-std=c++17",
    "-Os",
    "-g0",
    "-s",
    "-fPIC",
    "-shared",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",  # of TVM's headers
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--gc-sections",
)


def opencl_library(triple: str) -> Path:
    """Where the runtime for a zig target triple is, or will be once built."""
    sources = sorted(_folder().iterdir())
    name = f"libtvmedge-opencl-{triple}-{build_key(triple, _FLAGS, sources)}.so"
    return cache_dir("opencl-runtime") / name


def build_opencl(triple: str, runtime: RuntimeFiles) -> Path:
    """The runtime for a zig target triple, linked against TVM's own runtime libraries.

    Built when it is not cached: under a minute of processor time, two thirds of it zig's C++
    library, once for each triple.

    Raises:
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    library = opencl_library(triple)
    with locked(library.with_suffix(".lock")):
        if not library.is_file():
            with atomic_path(library) as temporary:
                zig_cxx(_arguments(triple, runtime, temporary), f"the OpenCL runtime for {triple}")
    return library


def _arguments(triple: str, runtime: RuntimeFiles, output: Path) -> list[str]:
    return [
        f"--target={triple}",
        *_FLAGS,
        # What C++'s library has must not be taken for libstdc++'s, nor the other way round.
        f"-Wl,--version-script={_folder() / 'exports.map'}",
        *(
            argument
            for package in ("tvm", "tvm_ffi")
            for argument in ("-isystem", headers(package))
        ),
        *(str(path) for path in sorted(_folder().glob("*.cc"))),
        *(str(path) for path in runtime.libraries if "extra" not in path.name),
        "-ldl",
        "-o",
        str(output),
    ]


def _folder() -> Path:
    return device_sources() / "opencl"
