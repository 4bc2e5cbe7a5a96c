"""A run's kernels in Chrome's Trace Event Format, which Perfetto and chrome://tracing open.

Source: "Trace Event Format", Google, the JSON object form with complete ("X"), counter ("C") and
metadata ("M") events; times are in microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvmedge.profiling.latency import Profile


def trace(profiles: Sequence[Profile]) -> dict[str, Any]:
    """The document; a board is a process of it, its kernels one thread, memory a counter."""
    events: list[dict[str, Any]] = []
    for number, profile in enumerate(profiles, start=1):
        events += _events(number, profile)
    model = profiles[0].bundle.manifest if profiles else None
    return {
        "displayTimeUnit": "ms",
        "otherData": {"model": model.model.name if model else "", "by": "tvmedge"},
        "traceEvents": events,
    }


def _events(number: int, profile: Profile) -> list[dict[str, Any]]:
    name = f"{profile.bundle.manifest.model.name} on {profile.board}"
    where = {"pid": number, "tid": 1}
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", **where, "ts": 0, "args": {"name": name}},
        {"ph": "M", "name": "thread_name", **where, "ts": 0, "args": {"name": "kernels"}},
    ]
    found = profile.per_op
    known = {one.kernel: one for one in found.operators} if found else {}
    for span in found.timeline if found else ():
        one = known[span.kernel]
        events.append(
            {
                "ph": "X",
                "name": span.kernel,
                "cat": one.role.value,
                **where,
                "ts": span.start_ms * 1e3,
                "dur": span.milliseconds * 1e3,
                "args": {"operators": " ".join(one.operators), "GOP/s": one.gops},
            }
        )
    events += [
        {
            "ph": "C",
            "name": "resident memory, from the process's start",
            **where,
            "ts": point.seconds * 1e6,
            "args": {"MB": point.kib / 1024},
        }
        for point in profile.memory
    ]
    return events
