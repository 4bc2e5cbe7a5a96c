"""``tvmedge compare A B``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tvmedge.cli.output import Output
from tvmedge.errors import ExitCode
from tvmedge.profiling.charts import short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tvmedge.profiling.compare import Comparison

_SHOWN = 20


def compare(a: Path, b: Path, /, *, output: Output | None = None) -> int:
    """Compare two profiles: is B faster than A, or is it chance?

    Parameters
    ----------
    a
        A file of 'tvmedge profile --json'.
    b
        Another, of the same model on the same board.
    """
    output = (output or Output()).start()

    from tvmedge.profiling.compare import compare_profiles

    found = compare_profiles(a, b)
    for warning in found.warnings:
        output.say(f"Warning: {warning}.")
    output.say(_sentence(found))
    for name, a_value, b_value in _once(found):
        output.say(f"{name}: {a_value:.4g} and {b_value:.4g}, one figure each, so not judged.")
    _say_kernels(output, found)
    difference = found.latency
    output.document(
        "compare",
        {
            "a": str(a),
            "b": str(b),
            "latency": {**dataclasses.asdict(difference), "significant": difference.significant},
            "kernels": [
                {
                    "kernel": one.kernel,
                    "share": one.share,
                    **dataclasses.asdict(one.difference),
                    "significant": one.significant,
                }
                for one in found.kernels
            ],
            "kernels_of_one_only": found.alone,
            "warnings": list(found.warnings),
        },
    )
    return ExitCode.OK


def _sentence(found: Comparison) -> str:
    difference = found.latency
    low, high = difference.interval.low, difference.interval.high
    figures = (
        f"B takes {difference.ratio:.3f} of A's median latency (95 %: {low:.3f} to {high:.3f}; "
        f"p = {difference.p_value:.2g}"
    )
    counts = f"; {len(found.a.latency.samples_ms)} and {len(found.b.latency.samples_ms)} runs)"
    if not difference.significant:
        return f"No significant difference: {figures}{counts}."
    word = "faster" if difference.ratio < 1 else "slower"
    return f"B is {word}: {figures}{counts}."


def _once(found: Comparison) -> Iterator[tuple[str, float, float]]:
    """What each profile has one figure of."""
    a, b = found.a, found.b
    yield "Cold start, ms", a.cold_start_ms, b.cold_start_ms
    if a.memory_kib is not None and b.memory_kib is not None:
        yield "Memory, MB", a.memory_kib / 1024, b.memory_kib / 1024
    if a.bundle_bytes is not None and b.bundle_bytes is not None:
        yield "Bundle, MB", a.bundle_bytes / 2**20, b.bundle_bytes / 2**20
    if a.energy and b.energy and a.energy.measured and b.energy.measured:
        yield "Energy, mJ", a.energy.millijoules_per_run or 0.0, b.energy.millijoules_per_run or 0.0


def _say_kernels(output: Output, found: Comparison) -> None:
    if not found.kernels:
        return
    changed = [one for one in found.kernels if one.significant]
    output.say(
        f"{len(changed)} of {len(found.kernels)} kernels that both have differ significantly "
        f"(Holm's correction); {found.alone} are in one of the two only."
    )
    for one in changed[:_SHOWN]:
        low, high = one.difference.interval.low, one.difference.interval.high
        output.say(
            f"  {one.difference.ratio:6.3f} ({low:.3f} to {high:.3f}), share {one.share:.1%}: "
            f"{short(one.kernel)}"
        )
