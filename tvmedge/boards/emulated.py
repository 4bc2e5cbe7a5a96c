"""A board imitated on this machine by QEMU's user mode."""

from __future__ import annotations

import shutil
from pathlib import Path

from tvmedge.device.build_server import build_kernel_server, build_library_server
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.errors import InputError, ToolError
from tvmedge.targeting import TargetSpec


def require_emulator(spec: TargetSpec) -> list[str]:
    """QEMU's part of the command, up to the program that it runs.

    Raises:
        InputError: the target has no emulator.
        ToolError: QEMU or the sysroot is not on this machine.
    """
    emulator = spec.emulator
    if emulator is None:
        raise InputError(
            f"Target {spec.name} cannot be emulated: run it with --board local or on the device."
        )
    program = shutil.which(emulator.program)
    if program is None or not Path(emulator.sysroot).is_dir():
        missing = emulator.program if program is None else f"the sysroot {emulator.sysroot}"
        raise ToolError(
            f"Cannot emulate {spec.name}, {missing} is not installed: "
            f"run 'apt-get install {' '.join(emulator.packages)}'."
        )
    return [program, "-cpu", emulator.cpu, "-L", emulator.sysroot]


def library_command(spec: TargetSpec) -> list[str]:
    """The command that starts the server for freestanding libraries under QEMU.

    Raises:
        InputError: the target has no emulator.
        ToolError: QEMU, the sysroot or zig is not on this machine.
    """
    return [*require_emulator(spec), str(build_library_server(spec.toolchain.triple))]


def kernel_command(spec: TargetSpec) -> list[str]:
    """The command that starts the server for single kernels under QEMU. Raises as above."""
    return [*require_emulator(spec), str(build_kernel_server(spec.toolchain.triple))]


def emulator_command(spec: TargetSpec) -> list[str]:
    """The command that starts the board's server under QEMU, on stdin and stdout.

    Builds the server when it is not cached; never downloads.

    Raises:
        InputError: the target has no emulator or no runtime.
        ToolError: QEMU, the sysroot or the board's files are not on this machine.
    """
    return [*require_emulator(spec), str(cached_board(spec) / SERVER)]
