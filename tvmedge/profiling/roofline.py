"""What a target can do at most, which kernels are compared with: arithmetic and memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tvmedge.device.build_peaks import build_peaks
from tvmedge.errors import ToolError
from tvmedge.targeting import TargetSpec
from tvmedge.types import DeviceKind

_SECONDS = 0.05
_MEMORY = 96 << 20
"""Bytes that all threads read together: more than caches keep."""


@dataclass(frozen=True)
class Roofline:
    """``operations`` of float32 and ``bytes`` a second, None where nobody knows; ``source`` says
    how they are known, or why not."""

    operations: float | None
    bytes: float | None
    source: str

    def fraction(
        self, operations: int | None, moved_bytes: int | None, milliseconds: float
    ) -> float | None:
        """How near a time is to what the roofline allows: 1 is on it. Above 1 where caches give
        what this counts as coming from memory. None where no bound is known."""
        bounds = []
        if self.operations and operations:
            bounds.append(operations / self.operations)
        if self.bytes and moved_bytes:
            bounds.append(moved_bytes / self.bytes)
        if not bounds or milliseconds <= 0:
            return None
        return max(bounds) * 1e3 / milliseconds


def stated_roofline(spec: TargetSpec, device: DeviceKind, threads: int | None) -> Roofline:
    """What the target's file says of its fastest cores, ``threads`` of them (None: all)."""
    gbs = spec.board.memory_gbs
    memory = None if gbs is None else gbs * 1e9
    if device is not DeviceKind.CPU or spec.board.dsp is not None:
        why = f"{spec.name}'s file states no peak of what its kernels run on"
        return Roofline(None, memory, why)
    core = max(spec.board.clusters.values(), key=lambda cluster: cluster.mhz or 0)
    known = core.mhz and core.fma_per_cycle and core.vector_bits
    if not known:
        return Roofline(
            None, memory, f"{spec.name}'s file states no clock or multiply-adds a cycle"
        )
    assert core.mhz is not None and core.fma_per_cycle is not None and core.vector_bits is not None
    used = min(threads or core.count, core.count)
    peak = used * core.mhz * 1e6 * core.fma_per_cycle * 2 * core.vector_bits / 32
    partly = "" if memory else "; its memory's speed is not stated"
    return Roofline(peak, memory, f"targets/{spec.name}, {used} threads{partly}")


def measured_roofline(threads: int) -> Roofline:
    """What ``threads`` of this machine do in loops made for that, at once; a tenth of a second."""
    try:
        library = ctypes.CDLL(str(build_peaks()))
    except (ToolError, OSError) as error:
        return Roofline(None, None, f"not measured: {error}")
    operations = library.tvmedge_peak_operations
    operations.argtypes = [ctypes.c_double, ctypes.c_void_p]
    reading = library.tvmedge_peak_bytes
    reading.argtypes = [ctypes.c_double, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p]
    operations.restype = reading.restype = ctypes.c_double
    # Written once, or all pages would be the one page of zeros.
    memories = [np.ones(_MEMORY // threads // 4, np.float32) for _ in range(threads)]

    def compute(_memory: np.ndarray) -> float:
        given = np.array([0.5, 1e-3, 0], np.float32)
        return float(operations(_SECONDS, given.ctypes.data))

    def read(memory: np.ndarray) -> float:
        given = np.zeros(3, np.float32)
        size = memory.nbytes // 1024 * 1024
        return float(reading(_SECONDS, memory.ctypes.data, size, given.ctypes.data))

    def together(measure: Callable[[np.ndarray], float]) -> float:
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(measure, memories))

    those = "one thread" if threads == 1 else f"{threads} threads at once"
    return Roofline(together(compute), together(read), f"measured here, {those}")
