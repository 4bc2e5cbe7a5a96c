"""The values that describe a device, without behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated

import msgspec

from tvmedge.targeting.host_cpu import level_features

Count = Annotated[int, msgspec.Meta(ge=1)]


class Family(str, Enum):
    """Devices that share pipelines and schedule rules."""

    HOST = "host"
    ARM_CPU = "arm_cpu"
    HEXAGON = "hexagon"
    MALI = "mali"


@dataclass(frozen=True)
class Toolchain:
    """How to link: zig's target triple and extra flags for it. Without a ``loader`` of
    shared libraries a program is linked with its model."""

    triple: str
    flags: tuple[str, ...] = ()
    loader: bool = True

    @property
    def threads(self) -> bool:
        """Whether zig has pthreads for the triple."""
        return "-nostdlib" not in self.flags and "freestanding" not in self.triple


@dataclass(frozen=True)
class Machine:
    """A whole board of QEMU's, for what runs without an operating system: its memory in
    bytes, which begins at ``ram``, and the folder of picolibc's build for the core."""

    name: str
    ram: Count
    ram_bytes: Count
    libc: str


@dataclass(frozen=True)
class Emulator:
    """How to imitate the board here: QEMU's program and CPU model, where shared libraries lie,
    and the Debian packages that bring all this. ``machine`` is for programs that imitate a
    whole board, not a Linux process; ``triple`` names another system of the same processor
    that stands in for the board's; ``version`` is QEMU's least, where Debian 12's does not do."""

    program: str
    cpu: str
    packages: tuple[str, ...]
    sysroot: str | None = None
    machine: Machine | None = None
    triple: str | None = None
    version: Count | None = None


@dataclass(frozen=True)
class Runtime:
    """The TVM runtime for the board: the platform tag of its wheel, or one
    sentence that says why there is none and only freestanding libraries run."""

    platform: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class CpuFacts:
    """One kind of core on a board. None is unknown.

    Cache sizes are of one cache; ``*_shared_by`` counts the cores that share it.
    ``far_bytes`` are those that one core reads in a cycle from beyond its L2.
    ``fma_per_cycle`` counts fused multiply-adds of ``vector_bits`` that one core
    starts in a cycle. The booleans say what the core's SIMD unit computes with. A core
    that has none for floats has "vectors" of one: 32 bits.
    """

    count: Count
    mhz: Count | None = None
    l1d_kib: Count | None = None
    l1i_kib: Count | None = None
    l2_kib: Count | None = None
    l2_shared_by: Count | None = None
    l3_kib: Count | None = None
    l3_shared_by: Count | None = None
    far_bytes: Count | None = None
    vector_bits: Count | None = None
    vector_registers: Count | None = None
    fma_per_cycle: Count | None = None
    fp16: bool | None = None
    bf16: bool | None = None
    dotprod: bool | None = None
    i8mm: bool | None = None
    sve: bool | None = None


@dataclass(frozen=True)
class GpuFacts:
    """A GPU. None is unknown. ``work_group`` is the most items of a group, ``registers`` the most
    of 32 bits that an item has before it spills; with fewer, more items may be in flight."""

    cores: Count
    work_group: Count
    mhz: Count | None = None
    registers: Count | None = None
    l2_kib: Count | None = None
    fp16: bool | None = None


@dataclass(frozen=True)
class DspFacts:
    """A DSP's vector unit (Hexagon's HVX). None is unknown. ``vector_bytes`` is the size of a
    vector, ``contexts`` how many ``threads`` may have one of its register files at a time,
    ``vtcm_kib`` the memory tightly coupled to it."""

    vector_bytes: Count
    contexts: Count | None = None
    threads: Count | None = None
    vtcm_kib: Count | None = None


@dataclass(frozen=True)
class BoardFacts:
    """What we know of the hardware, and from where.

    ``clusters`` maps a core's name to its facts, ``ram_mib`` is the smallest and
    largest variant sold, ``weights_in_flash`` says that a model's weights are read from flash
    memory, of which there is little, ``memory_gbs`` the most that its RAM gives, in 10**9 bytes a
    second, and ``sources`` maps the dotted name of every other
    value here ("clusters.cortex-a72.mhz") to the document it comes from.
    """

    cores: Count
    clusters: Mapping[str, CpuFacts]
    soc: str | None = None
    ram_mib: tuple[Count, Count] | None = None
    os: str | None = None
    libc: str | None = None
    gpu: GpuFacts | None = None
    dsp: DspFacts | None = None
    weights_in_flash: bool | None = None
    memory_gbs: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TargetSpec:
    """A device we compile for. ``tvm`` is TVM's target of its CPU, ``accelerator`` of what
    kernels run on where that is not the CPU."""

    name: str
    family: Family
    summary: str
    tvm: Mapping[str, object]
    toolchain: Toolchain
    board: BoardFacts
    emulator: Emulator | None
    runtime: Runtime
    accelerator: Mapping[str, object] | None = None

    @property
    def tvm_target(self) -> dict[str, object]:
        """What ``tvm.target.Target`` takes."""
        if self.accelerator is None:
            return dict(self.tvm)
        return {**self.accelerator, "host": dict(self.tvm)}

    @property
    def compile_only(self) -> bool:
        """Whether no TVM runtime exists for the board (``runtime.reason`` says why)."""
        return self.runtime.platform is None

    @property
    def emulated(self) -> bool:
        """Whether bundles run on an emulated board: an emulator has the CPU; for a GPU an OpenCL
        driver on that CPU stands in, which takes TVM's runtime."""
        gpu = self.accelerator is not None
        return self.emulator is not None and not (gpu and self.compile_only)

    @property
    def features(self) -> tuple[str, ...]:
        """The CPU features that code for this target may use, under LLVM's names."""
        attributes = self.tvm.get("mattr", ())
        assert isinstance(attributes, list | tuple)
        wanted = (name[1:] for name in attributes if name.startswith("+"))
        return tuple(dict.fromkeys((*level_features(str(self.tvm["mcpu"])), *wanted)))
