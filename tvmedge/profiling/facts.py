"""What a profile says, in sentences: those of the terminal and of the page."""

from __future__ import annotations

from tvmedge.profiling.latency import Profile
from tvmedge.profiling.sensors.energy import Energy
from tvmedge.profiling.statistics import percentile
from tvmedge.profiling.traffic import traffic_said


def facts(found: Profile) -> list[str]:
    """Everything but the kernels, the check and the budgets; without full stops."""
    samples = found.latency.samples_ms
    code = found.bundle.manifest.code
    percentiles = ", ".join(f"p{p} {percentile(samples, p):.3f} ms" for p in (50, 90, 99))
    unsure = "" if found.settled or found.emulated else ", not settled"
    said = [
        f"{percentiles}, fastest {min(samples):.3f} ms over {len(samples)} runs{unsure}; cold "
        f"start {found.latency.cold_start_ms:.0f} ms{_memory(found)}"
    ]
    if found.emulated:
        said.append("an emulator's times say nothing about the device")
    if code.activation_bytes is not None:
        said.append(f"planned activations {code.activation_bytes / 2**20:.2f} MB")
    if beside := traffic_said(code, found.traffic):
        said.append(beside)
    said.append(_energy(found))
    said += [f"warning: unsteady: {flag}" for flag in found.noise.flags]
    if found.noise.unknown:
        said.append(f"noise not looked at: {found.noise.unknown}")
    return said


def _memory(found: Profile) -> str:
    if found.memory_kib is None:
        return ""
    with_emulator = ", the emulator's own included" if found.emulated else ""
    return f"; memory {found.memory_kib / 1024:.1f} MB{with_emulator}"


def _energy(found: Profile) -> str:
    energy = found.energy
    if not isinstance(energy, Energy):
        return f"energy not measured: {energy.why}"
    return (
        f"energy {energy.millijoules:.3f} mJ a run ({energy.provider}: {energy.scope}, idle "
        f"included, {energy.runs} runs)"
    )
