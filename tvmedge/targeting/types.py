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


@dataclass(frozen=True)
class Toolchain:
    """How to link: zig's target triple and extra linker flags."""

    triple: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Emulator:
    """How to imitate the board here: QEMU's user-mode program and CPU model, and
    the Debian packages that bring the program and the sysroot."""

    program: str
    cpu: str
    sysroot: str
    packages: tuple[str, ...]


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
    ``fma_per_cycle`` counts fused multiply-adds of ``vector_bits`` that one core
    starts in a cycle. The booleans say what the core's SIMD unit computes with.
    """

    count: Count
    mhz: Count | None = None
    l1d_kib: Count | None = None
    l1i_kib: Count | None = None
    l2_kib: Count | None = None
    l2_shared_by: Count | None = None
    l3_kib: Count | None = None
    l3_shared_by: Count | None = None
    vector_bits: Count | None = None
    vector_registers: Count | None = None
    fma_per_cycle: Count | None = None
    fp16: bool | None = None
    bf16: bool | None = None
    dotprod: bool | None = None
    i8mm: bool | None = None
    sve: bool | None = None


@dataclass(frozen=True)
class BoardFacts:
    """What we know of the hardware, and from where.

    ``clusters`` maps a core's name to its facts, ``ram_mib`` is the smallest and
    largest variant sold, and ``sources`` maps the dotted name of every other
    value here ("clusters.cortex-a72.mhz") to the document it comes from.
    """

    cores: Count
    clusters: Mapping[str, CpuFacts]
    soc: str | None = None
    ram_mib: tuple[Count, Count] | None = None
    os: str | None = None
    libc: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TargetSpec:
    """A device we compile for. ``tvm`` is passed verbatim to ``tvm.target.Target``."""

    name: str
    family: Family
    summary: str
    tvm: Mapping[str, object]
    toolchain: Toolchain
    board: BoardFacts
    emulator: Emulator | None
    runtime: Runtime

    @property
    def compile_only(self) -> bool:
        """Whether no TVM runtime exists for the board (``runtime.reason`` says why)."""
        return self.runtime.platform is None

    @property
    def features(self) -> tuple[str, ...]:
        """The CPU features that code for this target may use, under LLVM's names."""
        attributes = self.tvm.get("mattr", ())
        assert isinstance(attributes, list | tuple)
        wanted = (name[1:] for name in attributes if name.startswith("+"))
        return tuple(dict.fromkeys((*level_features(str(self.tvm["mcpu"])), *wanted)))
