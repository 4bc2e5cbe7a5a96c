"""What a bundle may cost; a cost that nobody measured keeps no budget."""

from __future__ import annotations

from dataclasses import dataclass

from tvmedge.profiling.latency import Profile
from tvmedge.profiling.sensors.energy import Energy
from tvmedge.profiling.statistics import percentile

_EMULATED = "an emulator's times are not the device's"
_UNTOLD = "the board does not tell"
_TOO_MUCH = "it includes the emulator's own"


@dataclass(frozen=True)
class Budgets:
    """Upper bounds; None is without: the median latency in ms, memory that running takes in MB
    (2**20 bytes, as measured on the board), the bundle's file in MB (2**20), energy a run in mJ."""

    latency_ms: float | None = None
    memory_mb: float | None = None
    size_mb: float | None = None
    energy_mj: float | None = None


@dataclass(frozen=True)
class Verdict:
    """One budget: ``measured`` is None where nobody measured, for the reason in ``why``."""

    name: str
    unit: str
    limit: float
    measured: float | None
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is measured and kept."""
        return self.measured is not None and self.measured <= self.limit


def judge(profile: Profile, budgets: Budgets) -> tuple[Verdict, ...]:
    """Every budget that is given, against what was measured."""
    size = profile.bundle.path.stat().st_size / 2**20
    latency = None if profile.emulated else percentile(profile.latency.samples_ms, 50)
    told = profile.memory_kib is not None and not profile.emulated
    memory = (profile.memory_kib or 0) / 1024 if told else None
    no_memory = _TOO_MUCH if profile.emulated else _UNTOLD
    energy, why_not = None, ""
    if isinstance(profile.energy, Energy):
        energy = profile.energy.millijoules
    else:
        why_not = profile.energy.why
    found = (
        _verdict("latency p50", "ms", budgets.latency_ms, latency, _EMULATED),
        _verdict("memory", "MB", budgets.memory_mb, memory, no_memory),
        _verdict("bundle size", "MB", budgets.size_mb, size, ""),
        _verdict("energy", "mJ", budgets.energy_mj, energy, why_not),
    )
    return tuple(verdict for verdict in found if verdict is not None)


def _verdict(
    name: str, unit: str, limit: float | None, measured: float | None, why: str
) -> Verdict | None:
    if limit is None:
        return None
    return Verdict(name, unit, limit, measured, "" if measured is not None else why)
