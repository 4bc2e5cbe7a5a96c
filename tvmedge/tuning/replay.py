"""Stored schedules after an upgrade: built, checked and measured again, under today's key."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tvmedge.records.order import order
from tvmedge.records.store import Store, Wanted
from tvmedge.records.types import Key, Record, Status
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.algorithms import answers
from tvmedge.tuning.build import as_text
from tvmedge.tuning.costs.source import CostSource
from tvmedge.tuning.evaluate import Evaluator
from tvmedge.tuning.session import BUILD_S, candidate_of
from tvmedge.tuning.space import Candidate
from tvmedge.tuning.tasks import Task, Tasks
from tvmedge.tuning.workers import Worker, Workers


@dataclass(frozen=True)
class Replayed:
    """What became of a stored candidate: the record ``before``, and that of ``now``."""

    before: Record
    now: Record

    @property
    def sound(self) -> bool:
        """Whether it still builds and computes the right thing."""
        return self.now.status is Status.MEASURED


@contextlib.contextmanager
def evaluating(spec: TargetSpec, source: CostSource) -> Iterator[Evaluator]:
    """What judges schedules for ``spec`` by ``source``, which is open, in processes of its own."""
    with Workers(1, BUILD_S) as builders, contextlib.closing(Worker()) as checker:
        yield Evaluator(spec, source, (builders, checker), seed=0)


def replay(
    tasks: Tasks,
    target: str,
    evaluator: Evaluator,
    store: Store,
    *,
    most: int,
    listen: Callable[[Replayed], None] = lambda replayed: None,
) -> list[Replayed]:
    """Replay the untuned schedule and the ``most`` best of each key that ``store`` has of a task
    for ``target`` (its name) and the task's cost source. ``listen`` hears of each, once stored.

    A schedule that is wrong or fails now is stored as such, so that it is not applied.

    Raises:
        BoardError: nothing can be measured any more. What was measured is stored.
        ToolError: a tool is missing, or a disk is full.
    """
    done = []
    for task in tasks.tasks:
        kernel = as_text(task.func)
        for before in _stored(store, task, target, most):
            now = _again(evaluator, kernel, task, before)
            store.put(now)
            done.append(Replayed(before, now))
            listen(done[-1])
    _answer(tasks, done, store)
    return done


def _answer(tasks: Tasks, done: list[Replayed], store: Store) -> None:
    """Which algorithms are the fastest follows from what their kernels cost now."""
    best: dict[Key, Record] = {}
    for one in done:
        if one.sound:
            best[one.now.key] = min(best.get(one.now.key, one.now), one.now, key=_cost)
    costs = {
        task.key: task.calls * _cost(best[task.key]) for task in tasks.tasks if task.key in best
    }
    for question in tasks.questions:
        keys = [key for option in question.options.values() for key in option if key in best]
        if keys:
            store.put(*answers(question, costs, best[keys[0]].unit, best[keys[0]].seed))


def _cost(record: Record) -> float:
    assert record.cost is not None
    return record.cost


def _stored(store: Store, task: Task, target: str, most: int) -> list[Record]:
    """The records worth another look, each candidate once."""
    wanted = Wanted(task.key.workload, target, cost=task.key.cost, status=Status.MEASURED)
    keys: dict[Key, list[Record]] = {}
    for record in store.find(wanted):
        keys.setdefault(record.key, []).append(record)
    found: dict[Candidate, Record] = {}
    for records in keys.values():
        ranked = sorted(records, key=lambda record: (_cost(record), *order(record)))
        for record in (*(r for r in ranked if r.trial == 0), *ranked[:most]):
            found.setdefault(candidate_of(record), record)
    return list(found.values())


def _again(evaluator: Evaluator, kernel: str, task: Task, before: Record) -> Record:
    candidate = candidate_of(before)
    outcome = evaluator.finish(kernel, candidate, evaluator.start(kernel, candidate))
    cost = outcome.cost
    return dataclasses.replace(
        before,
        key=task.key,
        kernel=task.kernels[0],
        status=outcome.status,
        cost=None if cost is None else cost.value,
        unit="" if cost is None else cost.unit,
        spread=None if cost is None else cost.spread,
        reason=outcome.reason,
        schedule="" if outcome.code is None else outcome.code.schedule,
    )
