"""The folder of a board that loads no libraries: the program that a bundle carries."""

from __future__ import annotations

from pathlib import Path

from tvmedge.bundle import read_bundle
from tvmedge.device.pack import PROGRAM_WEIGHTS, SERVER, PackReport, pack_program
from tvmedge.errors import InputError
from tvmedge.targeting import TargetSpec


def pack_bundle(spec: TargetSpec, path: Path, out: Path) -> PackReport:
    """Write the program in the bundle at ``path``, and the weights it takes, to the folder ``out``.

    Nothing is linked: the program is the bundle's, whose hashes were compared.

    Raises:
        InputError: the bundle is of another target or carries no program; ``out`` holds
            something else.
        TrustError: a file in the bundle does not match its hash.
        ToolError: the disk is full.
    """
    bundle = read_bundle(path)
    manifest = bundle.manifest
    if manifest.target.name != spec.name:
        raise InputError(
            f"'{path}' is for {manifest.target.name}, not {spec.name}: name its own target."
        )
    program = bundle.program()
    if program is None:
        raise InputError(
            f"'{path}' carries no program: "
            + (
                f"boards of {spec.name} load libraries, so leave --bundle out."
                if spec.toolchain.loader
                else "compile the model again, or link one of your own (tvmedge compile --sdk DIR)."
            )
        )
    files = {SERVER: program}
    if manifest.code.weights:
        files[PROGRAM_WEIGHTS] = bundle.weights_file()
    return pack_program(spec, files, out)
