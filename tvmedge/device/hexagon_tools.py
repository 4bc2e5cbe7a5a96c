"""The vendor's own linker, for a real DSP: FastRPC loads a shared library there, which only that
linker is known to make. It is found where the vendor's set-up script says it is.

Not tested here: nobody had the tools or a device.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tvmedge.errors import ToolError
from tvmedge.resources import temporary_folder

VARIABLE = "HEXAGON_TOOLS_ROOT"
_PROGRAM = "hexagon-clang"


def hexagon_tools() -> Path | None:
    """The compiler driver, which links; None where the environment names no tools.

    Raises:
        ToolError: it names some that are not there.
    """
    root = os.environ.get(VARIABLE)
    if not root:
        return None
    for folder in ("Tools/bin", "bin"):
        if (program := Path(root) / folder / _PROGRAM).is_file():
            return program
    raise ToolError(
        f"{VARIABLE} is '{root}', where no Tools/bin/{_PROGRAM} is: source the vendor's "
        "setup_sdk_env, or unset it."
    )


def dsp_library(program: Path, archive: bytes, core: str) -> bytes:
    """The static library of a model as a shared one for ``core`` (hexagonv73), C's functions left
    for the DSP's loader to find.

    Raises:
        ToolError: the linker fails, or the disk is full.
    """
    with temporary_folder("tvmedge-dsp-") as folder:
        given, made = folder / "model.a", folder / "model.so"
        given.write_bytes(archive)
        whole = ["-Wl,--whole-archive", str(given), "-Wl,--no-whole-archive"]
        command = [str(program), f"-mcpu={core}", "-shared", "-fPIC", *whole, "-o", str(made)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise ToolError(f"Cannot start '{program}': {error.strerror}.") from error
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ToolError(f"'{program}' could not link for {core}: {said[:300]}")
        return made.read_bytes()
