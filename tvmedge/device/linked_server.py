"""The server with a model inside: one program for a board that loads no libraries."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from tvmedge.device.build_server import SERVER_FLAGS, build_kernel_part
from tvmedge.device.picolibc import picolibc
from tvmedge.device.zig import zig_cc
from tvmedge.errors import ToolError
from tvmedge.resources import device_sources, disk_errors, temporary_folder
from tvmedge.targeting import Machine, TargetSpec


def link_server(spec: TargetSpec, archive: bytes | memoryview, prefix: str, program: Path) -> None:
    """Link the static library of a model with our server into ``program``.

    Raises:
        ToolError: the compiler or the C library is missing, linking fails, the disk is full.
    """
    source = device_sources() / "library_server.c"
    options = [*SERVER_FLAGS, f"-DTVMEDGE_PREFIX={prefix}", str(source)]
    with disk_errors(program):
        library = program.with_name(f"{program.name}.a")
        library.write_bytes(archive)
    link_program(spec, [*options, str(library)], program)


def link_kernel_server(spec: TargetSpec, kernel: bytes, symbol: str, program: Path) -> None:
    """Link the object file of a kernel with our server of single kernels into ``program``.

    Raises:
        ToolError: as ``link_server``.
    """
    server = build_kernel_part(spec.toolchain.triple, spec.toolchain.flags, symbol)
    with disk_errors(program):
        given = program.with_name(f"{program.name}.o")
        given.write_bytes(kernel)
    link_program(spec, ["-Os", "-s", str(server), str(given)], program)


def link_program(
    spec: TargetSpec, parts: Sequence[str], program: Path, start: str = "crt0.o"
) -> None:
    """Compile and link C sources and libraries into a program that needs nothing else;
    without an operating system one for the machine that QEMU imitates, on picolibc, whose
    ``start`` "crt0-semihost.o" gives ``main`` arguments.

    Raises:
        ToolError: as ``link_server``.
    """
    toolchain = spec.toolchain
    options = ["-target", toolchain.triple, *toolchain.flags, "-static"]
    machine = spec.emulator.machine if spec.emulator else None
    if machine is None:
        zig_cc([*options, *parts, "-lm", "-o", str(program)], f"a program for {spec.name}")
        return
    with disk_errors(program), temporary_folder() as folder:
        script = folder / "machine.ld"
        script.write_text(
            f"tvmedge_ram = {machine.ram};\ntvmedge_ram_bytes = {machine.ram_bytes};\n"
            f'INCLUDE "{device_sources() / "bare.ld"}"\n',
            encoding="utf-8",
        )
        options += [*_bare(machine, script), *parts, *_c_library(machine, start)]
        zig_cc([*options, "-o", str(program)], f"a program for {spec.name}")


def _bare(machine: Machine, script: Path) -> list[str]:
    """picolibc's headers, and the compiler's own, in place of those that zig has."""
    compiler = importlib.util.find_spec("ziglang")
    if compiler is None or compiler.origin is None:
        raise ToolError("The zig compiler is not installed: run 'pip install ziglang'.")
    own = Path(compiler.origin).parent / "lib" / "include"
    headers = ["-nostdinc", "-isystem", str(picolibc(machine.libc) / "include")]
    return [*headers, "-isystem", str(own), "-T", str(script)]


def _c_library(machine: Machine, start: str) -> list[str]:
    folder = picolibc(machine.libc) / "lib" / machine.libc
    # libc needs the calls of semihosting, and those need libc.
    names = (start, "libc.a", "libm.a", "libsemihost.a", "libc.a")
    return [str(folder / name) for name in names]
