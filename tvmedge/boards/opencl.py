"""OpenCL devices of this machine, through a runtime of our own: TVM's wheel has none."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

from tvmedge.boards.runtime import global_function, load_runtime
from tvmedge.device.build_opencl import build_opencl, opencl_library
from tvmedge.device.runtime_wheels import ensure_runtime
from tvmedge.errors import BoardError, ToolError
from tvmedge.resources import cache_dir
from tvmedge.targeting import target

CACHE_VARIABLE = "TVMEDGE_OPENCL_CACHE"
"""The folder in which the runtime keeps built programs."""
_PROBE_S = 60.0


def load_opencl() -> None:
    """Make OpenCL devices known to TVM's runtime, which is loaded.

    Raises:
        ToolError: the runtime could not be built.
        BoardError: there is no device; the reason is in the message.
    """
    os.environ.setdefault(CACHE_VARIABLE, str(cache_dir("opencl-programs")))
    here = target("host")
    assert here.runtime.platform is not None
    library = build_opencl(here.toolchain.triple, ensure_runtime(here.runtime.platform))
    ctypes.CDLL(str(library))
    if missing := str(global_function("tvmedge.opencl.status")()):
        raise BoardError(f"There is no OpenCL device here: {missing}.")


def opencl_devices() -> list[str]:
    """Each device with its platform, driver and loader, for a reader.

    Asked in another process: drivers start threads, and some crash. Nothing is built.

    Raises:
        ToolError: the runtime is not built yet, or the driver fails.
        BoardError: there is no device.
    """
    if not opencl_library(target("host").toolchain.triple).is_file():
        raise ToolError("the OpenCL runtime is not built yet: 'tvmedge run' of a bundle does it")
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            capture_output=True,
            text=True,
            timeout=_PROBE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the OpenCL driver did not answer within {_PROBE_S:.0f} s") from error
    lines = done.stdout.splitlines()
    if done.returncode < 0:
        raise ToolError(f"the OpenCL driver crashed (signal {-done.returncode})")
    if done.returncode:
        raise BoardError(lines[-1] if lines else "the OpenCL driver failed")
    return lines


def _main() -> int:
    load_runtime()
    try:
        load_opencl()
    except BoardError as error:
        print(error)
        return 1
    describe = global_function("tvmedge.opencl.describe")
    for index in range(int(global_function("tvmedge.opencl.count")())):
        print(describe(index))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
