"""PoCL, an OpenCL driver for CPUs, as an emulated board has it: there it stands in for the GPU.

Debian's packages are unpacked into the cache, libc and all, which makes the folder a sysroot. PoCL
compiles kernels on the emulated CPU, and links them by a program of this machine: zig's linker.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from tvmedge.device.debian import place, unpacked
from tvmedge.device.zig import zig_program
from tvmedge.errors import ToolError
from tvmedge.resources import atomic_path, cache_dir
from tvmedge.targeting import TargetSpec

_PACKAGES = (
    *("pocl-opencl-icd", "libpocl2", "libpocl2-common", "ocl-icd-libopencl1"),
    *("libclang-cpp15", "libllvm15", "libhwloc15", "libudev1"),
    *("libedit2", "libbsd0", "libmd0", "libffi8", "libtinfo6", "libz3-4", "zlib1g"),
    *("libxml2", "libicu72", "liblzma5", "libc6", "libgcc-s1", "libstdc++6"),
)
_DEBIAN = {"aarch64": "arm64"}
# PoCL asks for C's libraries, of which there are none to link with here; the server has them.
_LINKER = """\
#!/bin/sh
for argument; do
  shift
  case $argument in -l*) ;; *) set -- "$@" "$argument";; esac
done
exec {zig} ld.lld "$@"
"""


def pocl_options(spec: TargetSpec) -> list[str]:
    """QEMU's options for programs that are to find PoCL on ``spec``'s CPU; never downloads.

    Raises:
        ToolError: PoCL, or zig, is not on this machine.
    """
    architecture = _architecture(spec)
    root = place(_DEBIAN[architecture], _PACKAGES)
    libraries = root / f"usr/lib/{architecture}-linux-gnu"
    if not (libraries / "libpocl.so.2").exists():
        raise ToolError(
            f"PoCL for {architecture}, which stands in for the GPU, is not on this machine: "
            f"run 'tvmedge board up {spec.name}' once, which fetches it."
        )
    # PoCL looks for its files beside its library, which must be found by its whole path.
    variables = {
        "LD_LIBRARY_PATH": libraries,
        "OCL_ICD_VENDORS": root / "etc/OpenCL/vendors",
        "POCL_CACHE_DIR": cache_dir(f"pocl-{architecture}"),
        "PATH": f"{_linker(architecture)}:/usr/bin:/bin",
    }
    settings = [word for name, value in variables.items() for word in ("-E", f"{name}={value}")]
    return ["-L", str(root), *settings]


def pocl_places(spec: TargetSpec) -> tuple[list[Path], list[Path]]:
    """The folders that PoCL on ``spec``'s CPU reads, and those that it writes."""
    architecture = _architecture(spec)
    root = place(_DEBIAN[architecture], _PACKAGES)
    read = [root, _linker(architecture), Path(zig_program()).parent]
    return read, [cache_dir(f"pocl-{architecture}")]


def fetch_pocl(spec: TargetSpec) -> None:
    """Unpack it into the cache, unless it is there (70 MB, 260 unpacked).

    Raises:
        ToolError: it cannot be had from Debian.
    """
    unpacked(_DEBIAN[_architecture(spec)], _PACKAGES)


def _architecture(spec: TargetSpec) -> str:
    architecture = spec.toolchain.triple.partition("-")[0]
    if architecture not in _DEBIAN:
        raise ToolError(f"There is no PoCL here for {architecture}, the CPU of {spec.name}.")
    return architecture


def _linker(architecture: str) -> Path:
    """A folder with the linker, under the name by which PoCL's clang looks for it first."""
    folder = cache_dir("pocl-linker")
    program = folder / f"{architecture}-unknown-linux-gnu-ld"
    text = _LINKER.format(zig=shlex.quote(zig_program()))
    if not program.is_file() or program.read_text(encoding="utf-8") != text:
        with atomic_path(program) as temporary:
            temporary.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    return folder
