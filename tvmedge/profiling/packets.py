"""What an emulated Hexagon executed, of a whole model and of each of its kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tvmedge.types import Counts, KernelCounts


@dataclass(frozen=True)
class KernelSum:
    """All ``calls`` of a kernel in one inference; ``share`` of all packets, 0 to 1."""

    kernel: str
    calls: int
    counts: Counts
    share: float


@dataclass(frozen=True)
class PacketProfile:
    """One inference: its sum, its kernels, those of most packets first, and the share of packets
    that belongs to kernels without a vector instruction (scalar floats, on cores up to V67)."""

    total: Counts
    kernels: tuple[KernelSum, ...]
    scalar_share: float


def packet_profile(calls: Iterable[KernelCounts]) -> PacketProfile:
    """Calls of kernels in their order, summed."""
    found: dict[str, list[Counts]] = {}
    for call in calls:
        found.setdefault(call.kernel, []).append(call.counts)
    sums = {name: added(counts) for name, counts in found.items()}
    total = added(sums.values())
    packets = max(total.packets, 1)
    kernels = [
        KernelSum(name, len(found[name]), counts, counts.packets / packets)
        for name, counts in sums.items()
    ]
    kernels.sort(key=lambda one: -one.counts.packets)
    scalar = sum(one.share for one in kernels if not one.counts.vector_instructions)
    return PacketProfile(total, tuple(kernels), scalar)


def added(counts: Iterable[Counts]) -> Counts:
    """The sum of all."""
    total = Counts()
    for one in counts:
        total = Counts(
            total.instructions + one.instructions,
            total.packets + one.packets,
            total.vector_instructions + one.vector_instructions,
        )
    return total
