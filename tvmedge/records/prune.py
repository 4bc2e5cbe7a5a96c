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
    there is none of; ``here`` is whether a name means the machine that it is said on."""

    target_key: Callable[[str], str | None]
    here: Callable[[str], bool]
    pipeline: str
    toolchain: str


def prunable(records: Iterable[Record], now: Now, *, dominated: bool) -> dict[str, list[Record]]:
    """Records by the reason to drop them: what holds no longer and, if ``dominated``, what
    failed or was not the best of its key. Schedules that are wrong stay, so that nobody
    tries them again, and so do those ``of_other_machines``."""
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


def of_other_machines(record: Record, now: Now) -> bool:
    """Whether it is of a ``host`` that is not this one, or this one with more cores or fewer: it
    may apply there."""
    name = record.key.target.partition(":")[0]
    return now.here(name) and now.target_key(name) != record.key.target


def _outdated(record: Record, now: Now) -> str:
    name = record.key.target.partition(":")[0]
    current = now.target_key(name)
    if current is None:
        return f"no target '{name}'"
    if current != record.key.target and not now.here(name):
        return f"other facts of {name}"
    if record.key.pipeline != now.pipeline:
        return f"pipeline {record.key.pipeline}, now {now.pipeline}"
    if record.key.toolchain != now.toolchain:
        return f"{record.key.toolchain}, now {now.toolchain}"
    return ""
