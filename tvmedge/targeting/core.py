"""What a schedule has to know of one core: its SIMD unit and its caches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

from tvmedge.targeting.types import CpuFacts, TargetSpec

BIG = 0.8
"""Of the highest clock: less is another kind of core (A55 beside A76 0.75, A715 beside X3 0.81)."""


_ADDRESSES = 8
"""Registers that addresses and counters take of Hexagon's, which scalar floats share: an image
classifier runs 11 % fewer packets than with tiles of all of them."""


_HVX_LANES = _HVX_REGISTERS = 32
"""Of vectors of 128 bytes (Qualcomm Hexagon V66 HVX Programmer's Reference Manual, 80-N2040-44)."""

FAR_BYTES = 4
"""From beyond the L2 in a cycle, where a board's facts do not say (measured on a Xeon: resnet50's
weights arrive at 14 GB/s, at 3.6 GHz)."""

FUSED = 2
"""Multiply-adds that a core starts in a cycle, where a board's facts do not say."""

_BUSY = 256
"""Items of a GPU's core that hide each other's loads: half of what one holds of items that take
all their registers (512 since the second Bifrost)."""


class DotKind(Enum):
    """The instruction: of x86, ARM, Hexagon, or none, products being written out."""

    VPDPBUSD = "vpdpbusd"
    SDOT = "sdot"
    SMMLA = "smmla"
    VRMPY = "vrmpy"
    WRITTEN_OUT = "written out"


@dataclass(frozen=True)
class DotUnit:
    """What a core multiplies integers of 8 bits with: each of the ``lanes`` of 32 bits of one of
    its ``registers`` adds the products of ``depth`` neighbours, of data that is ``unsigned`` or
    not and weights with a sign. One instruction serves so many ``pixels``; where that is two, it
    holds two lanes of each, and a register here is two of the core's."""

    lanes: int
    registers: int
    unsigned: bool = True
    depth: int = 4
    kind: DotKind = DotKind.WRITTEN_OUT
    pixels: int = 1

    @property
    def dtype(self) -> str:
        """The type of data."""
        return "uint8" if self.unsigned else "int8"


@dataclass(frozen=True)
class Core:
    """A core as schedule rules see it.

    ``lanes`` counts the float32 values of a vector register, ``registers`` those
    registers. ``memory_operand``: a multiply-add takes one operand broadcast from
    memory (AVX-512); elsewhere it passes through a register. ``lane_operand``: it
    takes one lane of a register (NEON). ``extremes``: one instruction gives the larger
    or smaller of two numbers, and NaN if either is. ``fetches``: asking for memory ahead pays
    (measured on x86; on ARM nothing was). ``integer``: how it multiplies integers
    of 8 bits, None where that is no faster than floats. ``fused`` multiply-adds of vectors start in
    a cycle (of AVX-512's; two are assumed elsewhere, where schedules were counted and not timed).
    Sizes are in KiB. ``far_bytes`` come from beyond the L2 in a cycle. ``items`` are what a GPU's
    core needs in flight to be busy, 0 for a CPU: there "core" is what one of them has.
    ``small_weights``: weights lie in flash memory, so that algorithms that are faster with several
    times as many are no choice.
    """

    lanes: int
    registers: int
    memory_operand: bool = False
    lane_operand: bool = False
    extremes: bool = False
    fetches: bool = False
    integer: DotUnit | None = None
    fused: int = FUSED
    l1_kib: int = 32
    l2_kib: int = 512
    far_bytes: int = FAR_BYTES
    cores: int = 1
    items: int = 0
    small_weights: bool = False

    @property
    def block(self) -> int:
        """Channels of a block in the blocked layout: one vector."""
        return self.lanes

    @property
    def for_integers(self) -> Core:
        """The core as it computes with integers of 8 bits, which it has a unit for."""
        assert self.integer is not None
        return replace(self, lanes=self.integer.lanes, registers=self.integer.registers)

    @property
    def accumulators(self) -> int:
        """Registers that sums, weights and data may take without spilling: compilers
        want one of sixteen for themselves, three of thirty-two (counted on NEON code)."""
        return self.registers - (1 if self.registers <= 16 else 3)


def core_of(spec: TargetSpec) -> Core:
    """The fastest kind of core of ``spec``, with the threads of all of them; of a GPU, what one
    work-item is like: it computes with vectors of four."""
    if spec.board.gpu is not None:
        gpu = spec.board.gpu
        registers = (gpu.registers or 64) // 4
        return Core(lanes=4, registers=registers, cores=gpu.cores, items=_BUSY)
    facts = max(spec.board.clusters.values(), key=lambda cluster: cluster.mhz or 0)
    core = _core(facts, str(spec.tvm["mtriple"]), spec.board.cores)
    return replace(
        core,
        integer=_dot_unit(facts, str(spec.tvm["mtriple"]), spec.features),
        small_weights=bool(spec.board.weights_in_flash),
    )


def _dot_unit(facts: CpuFacts, triple: str, features: Collection[str]) -> DotUnit | None:
    """vpdpbusd of whole vectors, sdot or smmla, or vrmpy: HVX has vectors of its own for
    integers."""
    if "hvx-length128b" in features:
        return DotUnit(_HVX_LANES, _HVX_REGISTERS, kind=DotKind.VRMPY)
    vectors = (facts.vector_bits or 128) // 32, facts.vector_registers or 16
    if triple.startswith("x86"):
        needed = "avx512vnni" if facts.vector_bits == 512 else "avxvnni"
        return DotUnit(*vectors, kind=DotKind.VPDPBUSD) if needed in features else None
    if not triple.startswith("aarch64") or not facts.dotprod:
        return None
    lanes, registers = vectors
    if facts.i8mm and lanes == 4:
        return matrix_unit(registers)
    return DotUnit(lanes, registers, unsigned=False, kind=DotKind.SDOT)


def matrix_unit(registers: int, kind: DotKind = DotKind.SMMLA) -> DotUnit:
    """Of a core with so many vectors of 128 bits: products of 2x8 codes with 8x2."""
    return DotUnit(8, registers // 2, unsigned=False, depth=8, kind=kind, pixels=2)


def big_cores(spec: TargetSpec) -> int:
    """How many cores of ``spec`` are fast ones: within a fifth of the highest clock. All of them
    where a clock is unknown."""
    clusters = spec.board.clusters.values()
    clocks = [cluster.mhz or 0 for cluster in clusters]
    if not all(clocks):
        return spec.board.cores
    return sum(c.count for c in clusters if (c.mhz or 0) >= BIG * max(clocks))


def core_of_triple(triple: str) -> Core:
    """The least that a processor of this triple has."""
    registers = 32 if triple.startswith("aarch64") else 16
    return _core(CpuFacts(1, vector_bits=128, vector_registers=registers), triple, 1)


def _core(facts: CpuFacts, triple: str, cores: int) -> Core:
    bits = facts.vector_bits or 128
    registers = facts.vector_registers or 16
    if triple.startswith("hexagon") and bits == 32:
        registers -= _ADDRESSES
    widest = triple.startswith("x86") and bits == 512
    return Core(
        lanes=bits // 32,
        registers=registers,
        memory_operand=widest,
        lane_operand=triple.startswith("aarch64"),
        extremes=triple.startswith("aarch64"),
        fetches=triple.startswith("x86"),
        fused=facts.fma_per_cycle or FUSED if widest else FUSED,
        l1_kib=facts.l1d_kib or 32,
        l2_kib=facts.l2_kib or 512,
        far_bytes=facts.far_bytes or FAR_BYTES,
        cores=cores,
    )
