"""What this machine can do: each capability, and the command that adds a missing one."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tvmedge.boards.emulated import require_emulator
from tvmedge.boards.opencl import opencl_devices
from tvmedge.device.hexagon_tools import VARIABLE, hexagon_tools
from tvmedge.device.runtime_wheels import cached_runtime
from tvmedge.device.zig import zig_version
from tvmedge.errors import ToolError, TvmEdgeError
from tvmedge.targeting import TargetSpec, target, target_names
from tvmedge.versions import require_tvm

PYTHONS = ((3, 10), (3, 13))


@dataclass(frozen=True)
class Finding:
    """One capability: ``detail`` says what is there, or what is missing and what
    to do; without a ``required`` one nothing works."""

    name: str
    ok: bool
    required: bool
    detail: str


def examine() -> tuple[Finding, ...]:
    """Look at everything once; downloads and builds nothing."""
    return (
        _python(),
        _try("TVM", True, _tvm),
        _try("host target", True, lambda: str(target("host").tvm["mcpu"])),
        _try("zig linker", True, zig_version),
        _reference(),
        _try("OpenCL", False, lambda: "; ".join(opencl_devices())),
        _try("Hexagon device", False, _hexagon),
        *(_emulator(name) for name in target_names() if target(name).emulated),
    )


def _python() -> Finding:
    low, high = PYTHONS
    ok = low <= sys.version_info[:2] <= high and platform.system() == "Linux"
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    wanted = "" if ok else ": tvmedge needs Linux with Python 3.10 to 3.13"
    return Finding("Python", ok, True, found + wanted)


def _try(name: str, required: bool, probe: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, required, probe())
    except TvmEdgeError as error:
        return Finding(name, False, required, str(error))


def _tvm() -> str:
    require_tvm()
    return "apache-tvm and apache-tvm-ffi are the pair that works"


def _reference() -> Finding:
    ok = importlib.util.find_spec("onnxruntime") is not None
    detail = "onnxruntime" if ok else "onnxruntime is missing: ONNX's own evaluator is slow"
    return Finding("reference", ok, False, detail)


def _hexagon() -> str:
    program = hexagon_tools()
    if program is None:
        raise ToolError(
            f"{VARIABLE} is not set: the vendor's tools link libraries for a real DSP (--sdk), "
            "which is not tested here"
        )
    return f"{program} links libraries for a real DSP (--sdk), which is not tested here"


def _emulator(name: str) -> Finding:
    return _try(f"emulated {name}", False, lambda: _emulated(target(name)))


def _emulated(spec: TargetSpec) -> str:
    command = require_emulator(spec)
    if spec.runtime.platform and cached_runtime(spec.runtime.platform) is None:
        raise ToolError(
            f"TVM's runtime for it is not cached: run 'tvmedge board pack {spec.name} -o DIR' once"
        )
    return " ".join(command)
