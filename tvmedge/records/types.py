"""What a tuner learns about one candidate, and what must agree before that is used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Decision: TypeAlias = int | str | bool
"""What a rule may be told about a knob."""
Decisions: TypeAlias = tuple[tuple[str, Decision], ...]
"""Knobs by name and what each was set to, in the order in which the rule asks for them."""


@dataclass(frozen=True)
class Key:
    """What a measurement holds for; none of it may differ where it is applied.

    ``workload`` is the sha256 of the unscheduled kernel without its name, ``target`` a
    target's name and the sha256 of its core's facts and TVM target, ``pipeline`` the version
    of our rules and of what follows them, ``toolchain`` TVM, LLVM and the linker, ``cost``
    the name of the cost source.
    """

    workload: str
    target: str
    pipeline: str
    toolchain: str
    cost: str


class Status(str, Enum):
    """What became of a candidate: ``WRONG`` ran and gave other results than the unscheduled
    kernel, ``FAILED`` could not be built or did not end."""

    MEASURED = "measured"
    WRONG = "wrong"
    FAILED = "failed"


@dataclass(frozen=True)
class Record:
    """One candidate: ``rule`` with ``decisions`` for the kernel ``kernel``.

    ``cost`` and ``spread`` (of repetitions, 0 where the source is deterministic) are in
    ``unit``, None unless measured; ``reason`` says why one is wrong or failed. ``schedule``
    is the hash of the scheduled kernel as ``Key.workload`` is of the unscheduled one: where
    the same decisions come to give another, the record no longer says anything. ``seed`` and
    ``trial`` (0 is the untuned schedule) say when a run came to it.

    Raises:
        ValueError: one that was measured has no cost, or another has.
    """

    key: Key
    kernel: str
    rule: str
    decisions: Decisions
    status: Status
    cost: float | None = None
    unit: str = ""
    spread: float | None = None
    reason: str = ""
    schedule: str = ""
    seed: int = 0
    trial: int = 0

    def __post_init__(self) -> None:
        measured = self.status is Status.MEASURED
        if measured != (self.cost is not None) or not math.isfinite(self.cost or 0.0):
            raise ValueError("has a cost if and only if it was measured")
