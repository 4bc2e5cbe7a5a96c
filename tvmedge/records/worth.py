"""Of what was measured of one kernel, the candidate that is worth having."""

from __future__ import annotations

from collections.abc import Iterable

from tvmedge.records.types import Record

_MARGIN = 0.01
_CLOCKS = ("wall-time", "device-time")  # first words of the names of what is measured by a clock


def margin(cost: str) -> float:
    """By what share of their cost the source ``cost`` tells one schedule from another: times of
    the same one differ by 1 to 2 %, what is counted is the same."""
    return _MARGIN if cost.startswith(_CLOCKS) else 0.0


def worth(measured: Iterable[Record]) -> Record | None:
    """The cheapest record of a key, but the untuned one where it costs hardly more: what looks half
    a percent faster alone may be slower in its model (khmersm: kernels 0.993, whole runs 1.04)."""
    ranked = sorted(measured, key=_cost)
    untuned = next((record for record in ranked if record.trial == 0), None)
    if untuned is None:
        return ranked[0] if ranked else None
    least = (1 - margin(untuned.key.cost)) * _cost(untuned)[0]
    return ranked[0] if _cost(ranked[0])[0] < least else untuned


def _cost(record: Record) -> tuple[float, int, str]:
    assert record.cost is not None
    return record.cost, record.trial, str(record.decisions)
