"""Records to store, and writers that run in processes of their own."""

from __future__ import annotations

import hashlib
from typing import Any

from tvmedge.records.store import open_store
from tvmedge.records.types import Key, Record, Status


def digest(text: str) -> str:
    """A hash as keys hold them."""
    return hashlib.sha256(text.encode()).hexdigest()


def key(workload: str = "conv", target: str = "host", **others: str) -> Key:
    """The key of a kernel on a target, each by a name of this test."""
    fields = {"pipeline": "1", "toolchain": "tvm 1, llvm 2, zig 3", "cost": "wall-time local"}
    fields |= others
    return Key(digest(workload), f"{target}:{digest(target)}", **fields)


def record(columns: int = 7, cost: float | None = 1.0, **others: Any) -> Record:
    """A measured candidate, or one that failed where ``cost`` is None."""
    fields: dict[str, Any] = {
        "key": key(),
        "kernel": "fused_conv2d_relu",
        "rule": "conv",
        "decisions": (("columns", columns), ("order", "spatial"), ("unroll", True)),
        "status": Status.FAILED if cost is None else Status.MEASURED,
        "unit": "s",
        "spread": None if cost is None else 0.0,
    }
    return Record(cost=cost, **(fields | others))


def write_until_killed(place: str, writer: int, stored: Any) -> None:
    """Store one record after the other, and say of each that it is stored."""
    store = open_store(place, create=True)
    for number in range(1_000_000):
        store.put(record(number, kernel=f"writer_{writer}"))
        stored.send(number)


def write_some(place: str, writer: int, count: int) -> None:
    """Store ``count`` records of this writer and, again and again, one that all share."""
    store = open_store(place, create=True)
    for number in range(count):
        store.put(record(number, kernel=f"writer_{writer}", rule=f"rule_{writer}"))
        store.put(record(0, 1.0 + writer, kernel="shared"))
        store.merge([record(1, 1.0 + writer + number, kernel="shared")])
