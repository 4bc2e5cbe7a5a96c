"""A profile as JSON; docs/profile.md lists its fields."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

from tvmedge.cli.packets import packets_document
from tvmedge.cli.run import check_document
from tvmedge.profiling.budgets import Verdict
from tvmedge.profiling.latency import Profile
from tvmedge.profiling.per_op import Operator, PerOp, Role
from tvmedge.profiling.sensors.energy import Energy
from tvmedge.profiling.statistics import median_interval, percentile


def profile_document(profile: Profile, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Of one board."""
    manifest = profile.bundle.manifest
    latency = latency_document(profile.latency.samples_ms)
    return {
        "bundle": str(profile.bundle.path),
        "model": manifest.model.name,
        "target": manifest.target.name,
        "board": str(profile.board),
        "emulated": profile.emulated,
        "cold_start_ms": profile.latency.cold_start_ms,
        "latency": {**latency, "settled": profile.settled},
        "memory_kib": profile.memory_kib,
        "planned_activation_bytes": manifest.code.activation_bytes,
        "bundle_bytes": profile.bundle.path.stat().st_size,
        "energy": _energy(profile),
        "noise": dataclasses.asdict(profile.noise),
        "packets": packets_document(profile.packets) if profile.packets else None,
        "per_op": per_op_document(profile.per_op) if profile.per_op else None,
        "gpu_traffic": dataclasses.asdict(profile.traffic) if profile.traffic else None,
        "check": check_document(profile.check),
        "budgets": [{**dataclasses.asdict(one), "ok": one.ok} for one in verdicts],
    }


def latency_document(samples: tuple[float, ...]) -> dict[str, Any]:
    """Samples in ms, and what they say."""
    interval = median_interval(samples)
    known = len(samples) >= 6
    return {
        **{f"p{percent}_ms": percentile(samples, percent) for percent in (50, 90, 99)},
        "p50_interval_ms": [interval.low, interval.high] if known else None,
        "min_ms": min(samples),
        "max_ms": max(samples),
        "mean_ms": statistics.fmean(samples),
        "repetitions": len(samples),
        "samples_ms": list(samples),
    }


def per_op_document(found: PerOp) -> dict[str, Any]:
    """Of a run's kernels."""
    return {
        "runs": found.runs,
        "total_ms": found.total_ms,
        "share_of": found.counted or "time",
        "copies_share": found.share(Role.COPIES),
        "moves_share": found.share(Role.MOVES, Role.COPIES),
        "fallback_share": found.share(Role.FALLBACK, Role.BESIDE),
        "runtime_share": found.share(Role.RUNTIME),
        "roofline": {
            "operations_per_s": found.roofline.operations,
            "bytes_per_s": found.roofline.bytes,
            "source": found.roofline.source,
        },
        "kernels": [_operator(one) for one in found.operators],
    }


def _operator(one: Operator) -> dict[str, Any]:
    return {
        "kernel": one.kernel,
        "operators": list(one.operators),
        "role": one.role.value,
        "calls": one.calls,
        "ms": one.milliseconds,
        "samples_ms": list(one.samples_ms),
        "share": one.share,
        "operations": one.operations,
        "gops": one.gops,
        "moved_bytes": one.moved_bytes,
        "roofline_fraction": one.roofline,
        "counts": dataclasses.asdict(one.counts) if one.counts else None,
    }


def _energy(profile: Profile) -> dict[str, Any]:
    energy = profile.energy
    if isinstance(energy, Energy):
        return {"measured": True, "millijoules_per_run": energy.millijoules} | {
            name: getattr(energy, name) for name in ("provider", "scope", "runs", "seconds")
        }
    return {"measured": False, "not_measured": energy.why}
