"""What a tuning session says while it runs: one JSON line each.

Times are seconds since the session began; costs are in the unit that ``Began`` names.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from tvmedge.records.types import Decision
from tvmedge.resources import Closing, disk_errors

SCHEMA = "1.0"


class TaskInfo(msgspec.Struct, frozen=True):
    """A task: ``kernels`` of one workload, called ``calls`` times in a run of the untuned model:
    0 for those of another algorithm."""

    workload: str
    kernels: tuple[str, ...]
    calls: int


class Began(msgspec.Struct, frozen=True, tag="began"):
    """The session's facts; ``skipped`` says of other kernels why they are not tuned, ``blind``
    completes "the cost ignores ...", ``learnt`` counts candidates of other targets, kernels and
    sessions that the search begins with."""

    model: str
    target: str
    cost: str
    unit: str
    blind: str
    seed: int
    trials: int
    tasks: tuple[TaskInfo, ...]
    skipped: dict[str, str]
    schema: str = SCHEMA
    learnt: int = 0


class Tried(msgspec.Struct, frozen=True, tag="tried"):
    """One candidate of ``workload``: the ``trial``-th of the session, the ``of_task``-th of its
    task (0 is the untuned schedule). ``best`` is the task's, with this one. ``stored``: its
    cost is that of an earlier session."""

    seconds: float
    trial: int
    of_task: int
    workload: str
    kernel: str
    rule: str
    decisions: dict[str, Decision]
    status: str
    cost: float | None
    spread: float | None
    best: float | None
    reason: str = ""
    stored: bool = False


class TaskDone(msgspec.Struct, frozen=True, tag="task"):
    """What a task came to; ``because`` says why its search ended."""

    seconds: float
    workload: str
    kernel: str
    trials: int
    untuned: float | None
    best: float | None
    because: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Sums over the model, each kernel as often as it is called."""

    seconds: float
    trials: int
    untuned: float
    best: float
    because: str


Event: TypeAlias = Began | Tried | TaskDone | Ended
Listen: TypeAlias = Callable[[Event], None]


class EventLog(Closing):
    """A file that events are appended to, each on disk before the next."""

    def __init__(self, path: Path) -> None:
        """Raises ToolError where the file cannot be written."""
        self._path = path
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)

    def __call__(self, event: Event) -> None:
        """Append an event; raises ToolError where the disk is full."""
        with disk_errors(self._path):
            self._file.write(msgspec.json.encode(event) + b"\n")

    def close(self) -> None:
        self._file.close()


def read_events(lines: bytes) -> list[Event]:
    """The events of a log; a last line that was being written when the session died is left
    out.

    Raises:
        msgspec.MsgspecError: another line is no event.
    """
    whole = lines[: lines.rfind(b"\n") + 1]
    decoder = msgspec.json.Decoder(Event)
    return [decoder.decode(line) for line in whole.splitlines()]
