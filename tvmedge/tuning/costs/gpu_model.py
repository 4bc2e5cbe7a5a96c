"""What a Mali will take for a kernel, reckoned from its text: loads, stores, arithmetic, and how
many items are in flight. It ranks schedules where there is no GPU; no figure of it is a time.
"""

from __future__ import annotations

import math

from tvmedge.resources import Closing
from tvmedge.scheduling.gpu_items import DeviceKernel
from tvmedge.targeting import GpuFacts, TargetSpec
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.gpu_candidate import GpuCandidate
from tvmedge.tuning.costs.source import Cost

# Chosen, of no Mali's data sheet: what a core does in a cycle, as their makers' ratio of arithmetic
# to memory goes (32 multiply-adds beside 64 bytes from the first cache), one for all of them.
_ARITHMETIC, _ADDRESSES, _BYTES = 32.0, 32.0, 64.0
_WARP = 16  # items that run in step
_FULL = 256  # items that keep a core busy while loads are under way
_HALVED = 1.25  # of the time in memory where half the items are in flight
_SPILLED = 2 * 4.0  # bytes that a value without a register moves: stored, and loaded again
_LAUNCH = 5000.0  # cycles from one kernel to the next


class GpuModel(Closing):
    """Cycles of a call, each kernel's the larger of its arithmetic's and its memory's."""

    unit = "cycles"
    blind = (
        "caches, latencies and the driver's compiler: it is a reckoning from the kernel's text, "
        "with one ratio for all Malis"
    )
    deterministic = True
    slots = 1

    def __init__(self, spec: TargetSpec) -> None:
        """``spec`` has a GPU."""
        assert spec.board.gpu is not None
        self._gpu = spec.board.gpu
        self.name = f"gpu-model {spec.name}"

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """Cycles of one call."""
        assert isinstance(candidate, GpuCandidate), "a GPU's kernels only"
        return Cost(sum(_cycles(kernel, self._gpu) for kernel in candidate.kernels), self.unit)

    def close(self) -> None:
        """Nothing was started."""


def _cycles(kernel: DeviceKernel, gpu: GpuFacts) -> float:
    registers = gpu.registers or kernel.registers
    spilled = max(0, kernel.registers - registers) + kernel.private / 4
    moved = kernel.load_bytes + kernel.store_bytes + _SPILLED * spilled
    memory = moved / _BYTES * (_HALVED if kernel.registers > registers / 2 else 1.0)
    computed = kernel.arithmetic / _ARITHMETIC + kernel.addresses / _ADDRESSES
    in_step = math.ceil(kernel.items / _WARP) * _WARP
    items = kernel.groups * in_step
    busy = min(1.0, items / (gpu.cores * _FULL))
    return _LAUNCH + items * max(computed, memory) / (gpu.cores * busy)
