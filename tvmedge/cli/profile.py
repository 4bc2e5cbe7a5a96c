"""``tvmedge profile BUNDLE``."""

from __future__ import annotations

import dataclasses
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tvmedge.cli.board_options import BoardOptions
from tvmedge.cli.output import Output
from tvmedge.cli.packets import packets_document, say_packets
from tvmedge.cli.run import check_document, say_check
from tvmedge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tvmedge.profiling.budgets import Budgets, Verdict
    from tvmedge.profiling.repeat import Repetition


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RepetitionOptions:
    """How often to run."""

    repetitions: int | None = None
    "Timed runs; default: until the median is sure (1 where packets are counted)."
    precision: float = 2.0
    "Per cent either way within which the median's 95 % interval is to lie."
    seconds: float = 10.0
    "How long to go on at most until it does."

    def repetition(self) -> Repetition:
        """The profile's own form."""
        from tvmedge.profiling.repeat import Repetition

        if not 0 < self.precision < 100 or self.seconds <= 0:
            raise InputError("--precision is per cent, above 0 and below 100; --seconds above 0.")
        return Repetition(self.repetitions, self.precision / 100, self.seconds)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class BudgetOptions:
    """Budgets: exit code 3 where one is not kept, or not measured."""

    latency: Annotated[float | None, Parameter(name="--max-latency-ms")] = None
    "The median of all runs."
    memory: Annotated[float | None, Parameter(name="--max-memory-mb")] = None
    "What loading and running takes, beyond what was resident before."
    size: Annotated[float | None, Parameter(name="--max-size-mb")] = None
    "The bundle's file."
    energy: Annotated[float | None, Parameter(name="--max-energy-mj")] = None
    "Of a run."

    def budgets(self) -> Budgets:
        """The profile's own form."""
        from tvmedge.profiling.budgets import Budgets

        return Budgets(self.latency, self.memory, self.size, self.energy)


def profile(
    bundle: Path,
    /,
    *,
    repetition: RepetitionOptions | None = None,
    budget: BudgetOptions | None = None,
    board: BoardOptions | None = None,
    output: Output | None = None,
) -> int:
    """Measure a bundle's cold start, latency and memory; packets on an emulated Hexagon.

    Parameters
    ----------
    bundle
        The bundle's file.
    """
    output = (output or Output()).start()
    board = board or BoardOptions()

    from tvmedge.profiling.budgets import judge
    from tvmedge.profiling.latency import profile_bundle

    how = (repetition or RepetitionOptions()).repetition()
    result = profile_bundle(bundle, how, board.address(), board.session())
    verdicts = judge(result, (budget or BudgetOptions()).budgets())
    manifest = result.bundle.manifest
    latency = latency_document(result.latency.samples_ms)
    unsure = "" if result.settled or result.emulated else ", not settled"
    memory = f"; memory {result.memory_kib / 1024:.1f} MB" if result.memory_kib is not None else ""
    output.say(
        f"{manifest.model.name} for {manifest.target.name} on {result.board}: "
        f"p50 {latency['p50_ms']:.3f} ms, p90 {latency['p90_ms']:.3f} ms, p99 "
        f"{latency['p99_ms']:.3f} ms, fastest {latency['min_ms']:.3f} ms over "
        f"{latency['repetitions']} runs{unsure}; cold start "
        f"{result.latency.cold_start_ms:.0f} ms{memory}"
    )
    if result.emulated:
        output.say("An emulator's times say nothing about the device.")
    if result.packets:
        say_packets(output, result.packets)
    say_check(output, result.check)
    _say_verdicts(output, verdicts)
    output.document(
        "profile",
        {
            "bundle": str(bundle),
            "model": manifest.model.name,
            "target": manifest.target.name,
            "board": str(result.board),
            "emulated": result.emulated,
            "cold_start_ms": result.latency.cold_start_ms,
            "latency": {**latency, "settled": result.settled},
            "memory_kib": result.memory_kib,
            "planned_activation_bytes": manifest.code.activation_bytes,
            "packets": packets_document(result.packets) if result.packets else None,
            "check": check_document(result.check),
            "budgets": [{**dataclasses.asdict(one), "ok": one.ok} for one in verdicts],
        },
    )
    kept = all(verdict.ok for verdict in verdicts)
    return ExitCode.OK if result.check.ok and kept else ExitCode.CHECK


def latency_document(samples: tuple[float, ...]) -> dict[str, Any]:
    """Samples in ms, and what they say."""
    from tvmedge.profiling.statistics import median_interval, percentile

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


def _say_verdicts(output: Output, verdicts: Sequence[Verdict]) -> None:
    for one in verdicts:
        value = f"not measured ({one.why})" if one.measured is None else f"{one.measured:.3f}"
        mark = "kept" if one.ok else "NOT KEPT"
        output.say(f"{one.name:<12} {value:>10} {one.unit}, at most {one.limit:g}: {mark}")
