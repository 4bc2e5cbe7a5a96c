"""Which records nobody will use again, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tvmedge.records.best import best
from tvmedge.records.types import Record, Status
from tvmedge.records.wire import identity


@dataclass(frozen=True)
class Now:
    """What holds today: ``target_key`` gives ``Key.target`` of a target's name, None of one that
    there is none of."""

    target_key: Callable[[str], str | None]
    pipeline: str
    toolchain: str


def prunable(records: Iterable[Record], now: Now, *, dominated: bool) -> dict[str, list[Record]]:
    """Records by the reason to drop them: what holds no longer and, if ``dominated``, what
    failed or was not the best of its key. Schedules that are wrong stay, so that nobody
    tries them again."""
    kept: list[Record] = []
    dropped: dict[str, list[Record]] = {}
    for record in records:
        why = _outdated(record, now)
        if why:
            dropped.setdefault(why, []).append(record)
        else:
            kept.append(record)
    if dominated:
        winners = {identity(record) for record in best(kept)}
        for record in kept:
            if record.status is Status.FAILED:
                dropped.setdefault("failed", []).append(record)
            elif record.status is Status.MEASURED and identity(record) not in winners:
                dropped.setdefault("not the best of its kernel", []).append(record)
    return dropped


def _outdated(record: Record, now: Now) -> str:
    name = record.key.target.partition(":")[0]
    current = now.target_key(name)
    if current is None:
        return f"no target '{name}'"
    if current != record.key.target:
        return f"other facts of {name}"
    if record.key.pipeline != now.pipeline:
        return f"pipeline {record.key.pipeline}, now {now.pipeline}"
    if record.key.toolchain != now.toolchain:
        return f"{record.key.toolchain}, now {now.toolchain}"
    return ""
