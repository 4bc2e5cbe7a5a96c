"""A board imitated on this machine by QEMU: a Linux process, or a whole machine."""

from __future__ import annotations

import logging
from pathlib import Path

from tvmedge.boards.limits import SessionLimits, SessionPlaces
from tvmedge.boards.opencl import CACHE_VARIABLE
from tvmedge.bundle import Bundle
from tvmedge.device.build_server import (
    build_kernel_server,
    build_library_server,
    linked_server_sha256,
)
from tvmedge.device.build_session import build_session
from tvmedge.device.linked_server import link_kernel_server, link_server
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.device.picolibc import picolibc
from tvmedge.device.pocl import pocl_options, pocl_places
from tvmedge.device.qemu import qemu
from tvmedge.errors import InputError, ToolError
from tvmedge.resources import cache_dir, disk_errors
from tvmedge.targeting import TargetSpec
from tvmedge.types import Serves

_log = logging.getLogger(__name__)

_PROGRAMS = "opencl-programs"
# The program's own stdin and stdout, and no other way to the machine.
_ALONE = (
    *("-display", "none", "-monitor", "none", "-serial", "none"),
    *("-semihosting-config", "enable=on,target=native", "-kernel"),
)


def require_emulator(spec: TargetSpec) -> list[str]:
    """QEMU's part of the command, up to the program that it runs.

    Raises:
        InputError: the target has no emulator.
        ToolError: QEMU or the sysroot is not on this machine.
    """
    emulator = spec.emulator
    if emulator is None:
        raise InputError(
            f"Target {spec.name} cannot be emulated{_why(spec)}: "
            "run it with --board local or on the device."
        )
    program = str(qemu(spec, emulator))
    if emulator.sysroot is not None and not Path(emulator.sysroot).is_dir():
        raise ToolError(
            f"Cannot emulate {spec.name}, the sysroot {emulator.sysroot} is not installed: "
            f"run 'apt-get install {' '.join(emulator.packages)}'."
        )
    if emulator.machine is not None:
        picolibc(emulator.machine.libc)
        return [program, "-M", emulator.machine.name, *_ALONE]
    sysroot = ["-L", emulator.sysroot] if emulator.sysroot else []
    return [program, "-cpu", emulator.cpu, *sysroot]


def _why(spec: TargetSpec) -> str:
    return f" ({spec.runtime.reason})" if spec.runtime.reason else ""


def library_command(spec: TargetSpec, bundle: Bundle, folder: Path) -> list[str]:
    """The command that starts the server for freestanding libraries under QEMU.

    Where the board loads no libraries it is the program that the bundle carries, put into
    ``folder``; it is linked there where that is missing, or has another server.

    Raises:
        InputError: the target has no emulator.
        ToolError: QEMU, the sysroot or zig is not on this machine.
    """
    if spec.toolchain.loader:
        return emulated_server(spec, Serves.LIBRARY)
    command = require_emulator(spec)
    _require_memory(spec, bundle)
    library = bundle.manifest.code.library
    assert library is not None
    program = folder / "tvmedge-server"
    if (carried := _carried_program(spec, bundle)) is None:
        link_server(spec, bundle.code(), library.prefix, program)
    else:
        with disk_errors(program):
            program.write_bytes(carried)
            program.chmod(0o755)  # QEMU asks for it
    return [*command, str(program)]


def _carried_program(spec: TargetSpec, bundle: Bundle) -> memoryview | None:
    """The program in a bundle; None, with the reason said, where it is of no use here."""
    if spec.emulator is not None and spec.emulator.machine is not None:
        return None  # no bundle has one for a machine of QEMU's
    info = bundle.manifest.code.program
    if info is not None and info.server_sha256 == linked_server_sha256():
        return bundle.program()
    why = "holds no program" if info is None else "holds a program with another server"
    _log.warning(
        "'%s' %s (another tvmedge made it), so it is linked here: compile the model again to do "
        "without.",
        bundle.path,
        why,
    )
    return None


def server_triple(spec: TargetSpec) -> str:
    """What a server for the imitated board is built for."""
    return (spec.emulator and spec.emulator.triple) or spec.toolchain.triple


def _require_memory(spec: TargetSpec, bundle: Bundle) -> None:
    """Refuse what certainly does not fit into the memory of the machine that QEMU imitates."""
    library = bundle.manifest.code.library
    machine = spec.emulator.machine if spec.emulator else None
    if machine is None or library is None:
        return
    code = len(bundle.code())
    weights = len(bundle.weights_file()) if bundle.manifest.code.weights else 0
    if code + weights + library.workspace_bytes > machine.ram_bytes:
        raise InputError(
            f"'{bundle.path}' does not fit into the {machine.ram_bytes >> 10} KiB that QEMU "
            f"imitates ({machine.name}): code {code >> 10}, weights {weights >> 10}, workspace "
            f"{library.workspace_bytes >> 10} KiB; run it on a device that has more."
        )


def kernel_command(spec: TargetSpec) -> list[str]:
    """The command that starts the server for single kernels under QEMU.

    Raises:
        InputError: the target has no emulator, or loads no libraries.
        ToolError: QEMU, the sysroot or zig is not on this machine.
    """
    if not spec.toolchain.loader:
        raise InputError(
            f"Target {spec.name} loads no libraries, so kernels are not tried alone there"
            + (": count packets." if spec.board.dsp else ".")
        )
    return [*require_emulator(spec), str(build_kernel_server(server_triple(spec)))]


def linked_kernel_command(spec: TargetSpec, kernel: bytes, symbol: str, folder: Path) -> list[str]:
    """``kernel_command`` for a board that loads nothing: the server is linked with the kernel
    in this object file, which has the name ``symbol``, into ``folder``.

    Raises:
        InputError: the target has no emulator.
        ToolError: QEMU or zig is not on this machine, or the kernel does not link.
    """
    program = folder / "tvmedge-kernel-server"
    link_kernel_server(spec, kernel, symbol, program)
    return [*require_emulator(spec), str(program)]


def emulated_server(spec: TargetSpec, serves: Serves) -> list[str]:
    """The command that starts a server of ours under QEMU, with no library linked into it.

    Raises:
        InputError: the target has no emulator, or the server does not run there.
        ToolError: QEMU, the sysroot or the board's files are not on this machine.
    """
    if serves is Serves.VM:
        return emulator_command(spec)
    if serves is Serves.KERNELS:
        return kernel_command(spec)
    return [*require_emulator(spec), str(build_library_server(server_triple(spec)))]


def emulator_command(spec: TargetSpec) -> list[str]:
    """The command that starts the board's server under QEMU, on stdin and stdout.

    Builds the server when it is not cached; never downloads.

    Raises:
        InputError: the target has no emulator or no runtime.
        ToolError: QEMU, the sysroot or the board's files are not on this machine.
    """
    command = require_emulator(spec)
    if spec.accelerator is not None:
        command += [*pocl_options(spec), *_programs_kept()]
    return [*command, str(cached_board(spec) / SERVER)]


def session_command(spec: TargetSpec, limits: SessionLimits, places: SessionPlaces) -> list[str]:
    """The command that confines one of the others, which follows it."""
    command = [str(build_session()), *limits.arguments(), *places.arguments()]
    if spec.accelerator is not None:
        read, written = pocl_places(spec)
        command += SessionPlaces(read, [*written, cache_dir(_PROGRAMS)]).arguments()
    return [*command, "--"]


def own_session_command(
    spec: TargetSpec, limits: SessionLimits, places: SessionPlaces
) -> list[str]:
    """The same for a program of this machine's own, which follows it: nothing is emulated."""
    command = [str(build_session()), *limits.arguments(), *places.arguments()]
    if spec.accelerator is not None:
        kept = cache_dir(_PROGRAMS)
        command = ["env", f"{CACHE_VARIABLE}={kept}", *command, "--keep", str(kept)]
    return [*command, "--"]


def _programs_kept() -> list[str]:
    """QEMU's option that lets the OpenCL runtime keep built programs where it does here."""
    return ["-E", f"{CACHE_VARIABLE}={cache_dir(_PROGRAMS)}"]
