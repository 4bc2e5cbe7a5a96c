"""Everything that the emulated board of a target needs, brought here once, and tried."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tvmedge.boards.emulated import emulator_command, require_emulator, server_triple
from tvmedge.device.build_server import SERVER_FLAGS, build_library_server
from tvmedge.device.linked_server import link_program
from tvmedge.device.pack import pack_board
from tvmedge.device.picolibc import fetch_picolibc
from tvmedge.device.pocl import fetch_pocl
from tvmedge.device.qemu import fetch_qemu
from tvmedge.errors import BoardError, InputError
from tvmedge.resources import temporary_folder
from tvmedge.targeting import TargetSpec

_TRIED_S = 60


@dataclass(frozen=True)
class UpReport:
    """The command that runs the board's programs, and whether one was run."""

    command: tuple[str, ...]
    tried: bool


def bring_up(spec: TargetSpec) -> UpReport:
    """Fetch and build what is not in the cache yet: QEMU where Debian's own is too old, the C
    library, an OpenCL driver, TVM's runtime, servers. What is there already is left as it is.

    Raises:
        InputError: the target has no emulator.
        ToolError: something is missing and cannot be fetched; the disk is full.
        BoardError: the board does not run a program.
    """
    if spec.emulator is None or not spec.emulated:
        raise InputError(f"Target {spec.name} cannot be emulated: there is no board to bring up.")
    fetch_qemu(spec, spec.emulator)
    if spec.emulator.machine is not None:
        fetch_picolibc()
    if spec.accelerator is not None:
        fetch_pocl(spec)
    command = require_emulator(spec)
    with temporary_folder() as folder:
        if spec.toolchain.loader:
            program = build_library_server(server_triple(spec))
        else:
            program = empty_program(spec, folder)
        tried = spec.emulator.machine is None
        if tried:
            _try(spec, [*command, str(program)])
        if spec.runtime.platform is not None:
            pack_board(spec, folder / "board")
            emulator_command(spec)
    return UpReport(tuple(command), tried)


def empty_program(spec: TargetSpec, folder: Path) -> Path:
    """A program that does nothing: its C library is built, which zig keeps."""
    source, program = folder / "main.c", folder / "main"
    source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
    link_program(spec, [*SERVER_FLAGS, str(source)], program)
    return program


def _try(spec: TargetSpec, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRIED_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BoardError(
            f"The emulated {spec.name} did not end an empty program within {_TRIED_S} s."
        ) from error
    if done.returncode:
        raise BoardError(
            f"The emulated {spec.name} does not run programs: '{command[0]}' ended with exit code "
            f"{done.returncode}."
        )
