"""What many candidates come to: for each key, the best one and what it is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tvmedge.records.order import order
from tvmedge.records.types import Key, Record, Status
from tvmedge.records.worth import worth


@dataclass(frozen=True)
class Summary:
    """All that was tried under one key: ``best`` was measured and is not wrong, ``untuned`` is
    the cost of the schedule that the search began with; None where there is none."""

    key: Key
    kernel: str
    best: Record | None
    untuned: float | None
    tried: Counter[Status]


def summaries(records: Iterable[Record]) -> list[Summary]:
    """One for each key, in the order of records."""
    groups: dict[Key, list[Record]] = {}
    for record in sorted(records, key=order):
        groups.setdefault(record.key, []).append(record)
    return [_summary(key, group) for key, group in groups.items()]


def _summary(key: Key, group: list[Record]) -> Summary:
    measured = [record for record in group if record.status is Status.MEASURED]
    untuned = next((record.cost for record in measured if record.trial == 0), None)
    tried = Counter(record.status for record in group)
    return Summary(key, group[0].kernel, worth(measured), untuned, tried)


def best(records: Iterable[Record]) -> list[Record]:
    """The best record of each key that has one."""
    return [summary.best for summary in summaries(records) if summary.best is not None]
