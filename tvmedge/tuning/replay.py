"""Stored schedules after an upgrade: built, checked and measured again, under today's key.

A clock drifts between one schedule and the next: those of a kernel are measured in turns, the
untuned one among them, so that what is stored of them can be compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tvmedge.compiler.pipelines import rules_of
from tvmedge.records.order import order
from tvmedge.records.store import Store, Wanted
from tvmedge.records.types import Key, Record, Status
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.algorithms import answers
from tvmedge.tuning.build import as_text
from tvmedge.tuning.costs.source import Cost, CostSource
from tvmedge.tuning.evaluate import Evaluator, Outcome
from tvmedge.tuning.session import BUILD_S, candidate_of
from tvmedge.tuning.space import Candidate, Space
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
def evaluating(tasks: Tasks, spec: TargetSpec, source: CostSource) -> Iterator[Evaluator]:
    """What judges schedules of ``tasks`` for ``spec`` by ``source``, which is open, in processes
    of its own."""
    with Workers(1, BUILD_S) as builders, contextlib.closing(Worker()) as checker:
        yield Evaluator(spec, source, (builders, checker), seed=0, between=tasks.between(spec))


def replay(
    tasks: Tasks,
    spec: TargetSpec,
    evaluator: Evaluator,
    store: Store,
    *,
    most: int,
    listen: Callable[[Replayed], None] = lambda replayed: None,
) -> list[Replayed]:
    """Replay the ``most`` best of each key that ``store`` has of a task for ``spec`` and
    the task's cost source, beside today's untuned schedule and the one of then. ``listen``
    hears of each, once stored.

    A schedule that is wrong or fails now is stored as such, so that it is not applied. The
    untuned schedule of today is stored, too: where nothing stored is faster, it is what counts.

    Raises:
        BoardError: nothing can be measured any more. What was measured is stored.
        ToolError: a tool is missing, or a disk is full.
    """
    done = []
    for task in tasks.tasks:
        stored = _stored(store, task, spec.name, most)
        if not stored:
            continue
        replayed = list(_in_turns(evaluator, task, _beside_untuned(task, spec, stored)))
        store.put(*(one.now for one in replayed))
        for one in replayed:
            done.append(one)
            listen(one)
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


def _beside_untuned(task: Task, spec: TargetSpec, stored: list[Record]) -> list[Record]:
    """``stored`` with today's untuned schedule as its only trial 0."""
    untuned = Space(task.func, core_of(spec), rules_of(spec)).defaults[:1]
    others = [
        dataclasses.replace(one, trial=one.trial or 1)
        for one in stored
        if candidate_of(one) not in untuned
    ]
    known = {candidate_of(one): one for one in stored}
    return [
        dataclasses.replace(
            known.get(each, stored[0]), rule=each.rule, decisions=each.decisions, trial=0
        )
        for each in untuned
    ] + others


def _in_turns(evaluator: Evaluator, task: Task, stored: list[Record]) -> Iterator[Replayed]:
    """All built, checked and measured, and those that are sound measured in turns after that."""
    kernel = as_text(task.func)
    outcomes = []
    for before in stored:
        candidate = candidate_of(before)
        outcomes.append(evaluator.finish(kernel, candidate, evaluator.start(kernel, candidate)))
    sound = [outcome.code for outcome in outcomes if outcome.cost and outcome.code]
    costs = iter(evaluator.in_turns(sound))
    for before, outcome in zip(stored, outcomes, strict=True):
        now = outcome if outcome.cost is None else _measured(outcome, next(costs))
        yield Replayed(before, _record(task, before, now))


def _measured(outcome: Outcome, cost: Cost | None) -> Outcome:
    if cost is None:
        return Outcome(Status.FAILED, reason="it failed later")
    return dataclasses.replace(outcome, cost=cost)


def _record(task: Task, before: Record, outcome: Outcome) -> Record:
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
