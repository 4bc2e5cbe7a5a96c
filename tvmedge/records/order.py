"""The one order in which records are listed and written."""

from __future__ import annotations

from tvmedge.records.types import Record


def order(record: Record) -> tuple[object, ...]:
    """Kernels side by side, a kernel's best first."""
    key = record.key
    cost = float("inf") if record.cost is None else record.cost
    what = (record.kernel, key.workload, key.target, key.cost, key.pipeline, key.toolchain)
    return (*what, cost, record.rule, str(record.decisions))
