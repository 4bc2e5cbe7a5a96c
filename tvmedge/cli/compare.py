"""``tvmedge compare A B``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tvmedge.cli.output import Output
from tvmedge.errors import ExitCode

if TYPE_CHECKING:
    from tvmedge.profiling.compare import Comparison


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
    if found.a.memory_kib is not None and found.b.memory_kib is not None:
        memory = f"{found.a.memory_kib / 1024:.1f} and {found.b.memory_kib / 1024:.1f} MB"
        starts = f"{found.a.cold_start_ms:.0f} and {found.b.cold_start_ms:.0f} ms"
        output.say(f"Memory {memory}; cold start {starts} (one each).")
    difference = found.latency
    output.document(
        "compare",
        {
            "a": str(a),
            "b": str(b),
            "latency": {**dataclasses.asdict(difference), "significant": difference.significant},
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
