"""Does a kernel fit a GPU? What it takes, beside what an item, a group or an argument list may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tvmedge.errors import CheckError
from tvmedge.scheduling.gpu_items import DeviceKernel
from tvmedge.targeting import GpuFacts, TargetSpec

# The least that a device of OpenCL's full profile has (OpenCL 1.2, table 4.3), which is what
# Malis have. Kernels of TVM's put nothing into constant memory.
LOCAL = 32 << 10
PARAMETERS = 1024
_SHOWN = 4


def require_fits(kernels: Sequence[DeviceKernel], spec: TargetSpec) -> list[DeviceKernel]:
    """Those of ``kernels`` that run, but slowly: more values are alive than an item has registers
    for, or an array is found by index; both are kept in memory.

    Raises:
        CheckError: kernels that the device refuses, each with its limit and what it takes.
    """
    gpu = spec.board.gpu
    assert gpu is not None
    faults = [f"{one.name} {fault}" for one in kernels for fault in _faults(one, gpu)]
    if faults:
        raise CheckError(
            f"Kernels are over the limits of {spec.name}: {_some(faults)}; compile with "
            "--records none if they were tuned, else this is a fault of ours: report it."
        )
    return [one for one in kernels if one.private or one.registers > (gpu.registers or 1 << 30)]


def spills(kernels: Sequence[DeviceKernel], spec: TargetSpec) -> str:
    """A sentence about what ``require_fits`` gave."""
    gpu = spec.board.gpu
    found = [
        f"{one.name} has {one.registers} values of 32 bits alive"
        + (f" and an array of {one.private} bytes" if one.private else "")
        for one in kernels
    ]
    return (
        f"Kernels that {spec.name}, with {gpu and gpu.registers} registers an item, runs from "
        f"memory in part: {_some(found)}."
    )


def _faults(kernel: DeviceKernel, gpu: GpuFacts) -> Iterator[str]:
    if kernel.items > gpu.work_group:
        yield f"has groups of {kernel.items} items, at most {gpu.work_group} are allowed"
    if kernel.local > LOCAL:
        yield f"takes {kernel.local} bytes of local memory, at most {LOCAL} are allowed"
    if kernel.parameters > PARAMETERS:
        yield f"takes {kernel.parameters} bytes of arguments, at most {PARAMETERS} are allowed"


def _some(parts: Sequence[str]) -> str:
    more = len(parts) - _SHOWN
    return "; ".join(parts[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
