"""What a session's events have come to so far: for the screen while it runs, for the report
afterwards."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from tvmedge.tuning.events import Began, Ended, Event, TaskDone, TaskInfo, Tried

_NUMBER = re.compile(r"[-+]?\d[\d.]*(e[-+]?\d+)?")


@dataclass(frozen=True)
class Point:
    """After ``trial`` of something, at ``seconds`` of the session, the best ``cost``."""

    trial: int
    seconds: float
    cost: float


@dataclass
class TaskStanding:
    """A task: ``curve`` has a point for its first cost and each better one; ``because`` is why its
    search ended, empty while it goes on. ``untuned`` and ``best`` are None while nothing could
    be measured."""

    info: TaskInfo
    untuned: float | None = None
    best: float | None = None
    trials: int = 0
    rule: str = ""
    decisions: str = ""
    because: str = ""
    curve: list[Point] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The first of its kernels."""
        return self.info.kernels[0]

    @property
    def whole(self) -> float:
        """What its calls cost a run of the model before; 0 where that is not known."""
        return (self.untuned or 0.0) * self.info.calls

    @property
    def won(self) -> float:
        """What a run of the model costs less by it, in the cost's unit."""
        if self.untuned is None or self.best is None:
            return 0.0
        return (self.untuned - self.best) * self.info.calls


class Standing:
    """A session as its events tell it; call it with each."""

    def __init__(self) -> None:
        self.began: Began | None = None
        self.ended: Ended | None = None
        self.tasks: dict[str, TaskStanding] = {}
        self.trials = 0
        self.stored = 0
        self.seconds = 0.0
        self.failures: Counter[str] = Counter()
        self.curve: list[Point] = []
        """The best cost of the whole model, once every task of its own was tried."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Began):
            self.began = event
            self.tasks = {info.workload: TaskStanding(info) for info in event.tasks}
            return
        self.seconds = event.seconds
        if isinstance(event, Tried):
            self._tried(event)
        elif isinstance(event, TaskDone):
            task = self.tasks[event.workload]
            task.untuned, task.best, task.because = event.untuned, event.best, event.because
        else:
            self.ended = event

    @property
    def untuned(self) -> float:
        """The model's cost before; tasks of which none is known are left out."""
        if self.ended is not None:
            return self.ended.untuned
        return sum(task.whole for task in self.tasks.values())

    @property
    def best(self) -> float:
        """The model's cost now; what other algorithms win is known when the session ended."""
        if self.ended is not None:
            return self.ended.best
        return self.untuned - sum(task.won for task in self.tasks.values())

    @property
    def rate(self) -> float:
        """Trials a second, those that were stored already left out; 0 before the first."""
        return (self.trials - self.stored) / self.seconds if self.seconds > 0 else 0.0

    def _tried(self, event: Tried) -> None:
        task = self.tasks[event.workload]
        task.trials += 1
        self.trials += 1
        self.stored += event.stored
        if event.cost is None:
            self.failures[_cause(event)] += 1
        better = event.best is not None and (task.best is None or event.best < task.best)
        if event.of_task == 0:
            task.untuned = event.cost
        if better:
            assert event.best is not None
            task.best, task.rule = event.best, event.rule
            task.decisions = " ".join(f"{name}={d}" for name, d in event.decisions.items())
            task.curve.append(Point(event.of_task, event.seconds, event.best))
        called = (task for task in self.tasks.values() if task.info.calls)
        if all(task.trials for task in called) and (better or not self.curve):
            self.curve.append(Point(event.trial, event.seconds, self.best))


def standing(events: list[Event]) -> Standing:
    """The last session of a log. One that resumed another lists its stored trials again.

    Raises:
        ValueError: there is none.
    """
    starts = [place for place, event in enumerate(events) if isinstance(event, Began)]
    if not starts:
        raise ValueError("no session began")
    result = Standing()
    for event in events[starts[-1] :]:
        result(event)
    return result


def _cause(event: Tried) -> str:
    """Why a candidate failed, equal for those that differ in numbers only."""
    return f"{event.status}: {_NUMBER.sub('N', event.reason)}"
