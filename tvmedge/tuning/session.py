"""A tuning session: tries candidates where the most is to be won, until nothing much is.

Trial 0 of each task is its untuned schedule, so that each task's share of the model's cost is
known and nothing tuned is slower than untuned. Everything tried is stored as it is known.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from tvmedge.compiler.pipelines import rules_of
from tvmedge.records.store import Store, Wanted
from tvmedge.records.types import Key, Record, Status
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.algorithms import answers, fastest, hopeless, totals_of
from tvmedge.tuning.build import Built
from tvmedge.tuning.costs.source import Cost, CostSource
from tvmedge.tuning.evaluate import Builders, Checker, Evaluator, Measured, Outcome
from tvmedge.tuning.events import Began, Ended, Listen, TaskDone, TaskInfo, Tried
from tvmedge.tuning.running import Running
from tvmedge.tuning.search import Search, Strategy
from tvmedge.tuning.space import Candidate, Space
from tvmedge.tuning.tasks import Task, Tasks
from tvmedge.tuning.transfer import Past
from tvmedge.tuning.workers import (
    Worker,
    WorkerDiedError,
    WorkError,
    Workers,
    beside_measuring,
    builders_here,
)

BUILD_S = 60.0
_AT_STAKE = 0.02  # of the model's cost that an answer is about, to be worth measuring others

EXHAUSTED = "its space has no more"
ENOUGH = "little more is to be won"
TRIALS = "all trials are made"
TIME = "the time is up"
STOPPED = "it was stopped"


@dataclass(frozen=True)
class Limits:
    """When to end: after ``trials`` of the whole model, after ``seconds``, or when one trial is
    expected to win less than ``threshold`` of the model's cost."""

    trials: int = 512
    seconds: float | None = None
    threshold: float = 1e-5


@dataclass(frozen=True)
class How:
    """How to search: ``batch`` candidates are proposed at a time and built by ``builders``
    processes; ``resume`` takes what is stored from the seed's earlier sessions for tried;
    ``transfer`` begins with what is stored of other targets, kernels and seeds."""

    seed: int = 0
    strategy: Strategy = Strategy.EVOLUTION
    batch: int = 8
    builders: int = field(default_factory=builders_here)
    resume: bool = False
    transfer: bool = True
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class TaskResult:
    """A task's cost for one call, untuned and tuned; None where nothing could be measured."""

    task: Task
    trials: int
    untuned: float | None
    best: float | None
    because: str


@dataclass(frozen=True)
class TuneResult:
    """``untuned`` and ``best`` are sums over the model's kernels as often as they are called, in
    the source's unit; ``because`` says why the session ended."""

    tasks: tuple[TaskResult, ...]
    trials: int
    untuned: float
    best: float
    seconds: float
    because: str


class Session:
    """Tunes the ``tasks`` of a model named ``model`` for ``spec``."""

    def __init__(
        self,
        named: tuple[str, Tasks],
        spec: TargetSpec,
        source: CostSource,
        store: Store,
        how: How,
        listen: Listen = lambda event: None,
    ) -> None:
        self._model, self._tasks = named
        self._spec = spec
        self._source = source
        self._store = store
        self._how = how
        self._listen = listen
        self._trials = 0
        self._stored = _known(store, self._tasks.tasks, how.seed) if how.resume else {}
        keys = [task.key for task in self._tasks.tasks]
        self._past = Past.stored(store, keys, how.seed) if how.transfer else Past()
        self.stop = threading.Event()
        """Set it to end after the candidate in hand."""

    def run(self, builders: Builders | None = None, checker: Checker | None = None) -> TuneResult:
        """Search until a limit is reached; ``builders`` and ``checker`` are processes here by
        default.

        Raises:
            BoardError: nothing can be measured any more. What was measured is stored.
            ToolError: a tool is missing or a disk is full.
        """
        self._started = time.monotonic()
        with contextlib.ExitStack() as opened:
            if builders is None:
                builders = opened.enter_context(Workers(self._how.builders, BUILD_S))
            if checker is None:
                checker = opened.enter_context(contextlib.closing(Worker(beside_measuring())))
            places = builders, checker
            evaluator = Evaluator(
                self._spec,
                self._source,
                places,
                seed=self._how.seed,
                between=self._tasks.between(self._spec),
            )
            self._evaluator = opened.enter_context(contextlib.closing(evaluator))
            return self._run()

    def _run(self) -> TuneResult:
        core, rules = core_of(self._spec), rules_of(self._spec)
        self._listen(self._began(self._past.candidates))
        running = [self._open(t, Space(t.func, core, rules)) for t in self._tasks.tasks]
        self._measure_untuned([one for one in running if not one.task.extra])
        self._measure_untuned(self._at_stake(running))
        for one in running:
            if one.trials and one.best[-1] is None:
                one.because = "its untuned schedule cannot be measured"
        self._drop_hopeless(running)
        because = self._search(running)
        results = tuple(self._close(one, because) for one in running)
        untuned, best = self._sums(results)
        seconds = self._seconds()
        self._listen(Ended(seconds, self._trials, untuned, best, because))
        return TuneResult(results, self._trials, untuned, best, seconds, because)

    def _measure_untuned(self, running: Iterable[Running]) -> None:
        self._attempt([(one, first) for one in running for first in one.search.first()])

    def _at_stake(self, running: list[Running]) -> list[Running]:
        """Kernels of answers that the untuned model does not give, where what they would replace
        is of some weight: there may be as many of them as the model has kernels."""
        whole = sum(one.total for one in running)
        totals = {one.task.key: one.total for one in running}
        wanted: set[Key] = set()
        for question in self._tasks.questions:
            now = sum(totals.get(key, 0.0) for key in question.options[question.default])
            if now >= _AT_STAKE * whole:
                wanted.update(key for keys in question.options.values() for key in keys)
        for one in running:
            if one.task.extra and one.task.key not in wanted:
                one.because = "what it would replace weighs little"
        return [one for one in running if one.task.extra and one.task.key in wanted]

    def _open(self, task: Task, space: Space) -> Running:
        seed = f"{self._how.seed}:{task.key.workload}"
        history = partial(self._past.of, task.key, space)
        return Running(task, Search(space, seed, self._how.strategy, history))

    def _drop_hopeless(self, running: list[Running]) -> None:
        """Kernels of algorithms that are far behind before anything is tuned."""
        costs = {one.task.key: one.total if one.trials else None for one in running}
        dropped = {key for question in self._tasks.questions for key in hopeless(question, costs)}
        for one in running:
            if one.task.key in dropped:
                one.because = one.because or "another algorithm is faster"

    def _sums(self, results: Sequence[TaskResult]) -> tuple[float, float]:
        """What the model's kernels cost untuned and tuned; the answers to questions about
        algorithms, which follow from it, are stored."""
        untuned = sum(
            (one.untuned or 0.0) * one.task.calls for one in results if not one.task.extra
        )
        costs = {
            one.task.key: None if one.best is None else one.best * one.task.calls for one in results
        }
        chosen = {one.task.key for one in results if not one.task.extra}
        for question in self._tasks.questions:
            totals = totals_of(question, costs)
            if question.default not in totals:
                continue
            self._store.put(*answers(question, costs, self._source.unit, self._how.seed))
            chosen -= set(question.options[question.default])
            chosen |= set(question.options[fastest(question, totals)])
        best = sum(cost for key, cost in costs.items() if key in chosen and cost is not None)
        return untuned, best

    def _search(self, running: list[Running]) -> str:
        """Batches for the task that promises most, until there is none; why it ended."""
        while not (because := self._ended()):
            waiting = [one for one in running if not one.because]
            if not waiting:
                return ENOUGH
            most = max(waiting, key=lambda one: one.gain())
            total = sum(one.total for one in running if not one.task.extra)
            candidates = most.search.propose(self._how.batch)
            if most.gain() <= self._how.limits.threshold * total:
                most.because = ENOUGH
            elif not candidates:
                most.because = EXHAUSTED
            else:
                self._attempt([(most, candidate) for candidate in candidates])
        return because

    def _attempt(self, pairs: Iterable[tuple[Running, Candidate]]) -> None:
        """Build all, and take them in order, so that what is tried next does not depend on
        which was built first."""
        started = [(one, candidate, self._start(one, candidate)) for one, candidate in pairs]
        for one, candidate, building in started:
            if not self._ended():
                self._try(one, candidate, building)
            elif building is not None:
                building.cancel()

    def _start(self, one: Running, candidate: Candidate) -> Future[Measured] | None:
        """A build, unless it is known what would become of it."""
        if (one.task.key, candidate) in self._stored:
            return None
        return self._evaluator.start(one.text, candidate)

    def _try(self, one: Running, candidate: Candidate, building: Future[Measured] | None) -> None:
        if building is None:
            record, code = self._stored[one.task.key, candidate], None
        else:
            best = one.best[-1] if one.best and one.best[-1] is not None else math.inf
            outcome = self._evaluator.finish(one.text, candidate, building, best)
            record, code = self._record(one, candidate, outcome), outcome.code
            self._store.put(record)
        one.note(candidate, record, code)
        self._past.note(record)
        self._trials += 1
        self._listen(self._tried(one, record, stored=building is None))

    def _close(self, one: Running, because: str) -> TaskResult:
        if not self._source.deterministic and not self.stop.is_set():
            self._confirm(one)
        best = None if one.winner is None else one.winner.cost
        untuned = None if one.first is None else one.first.cost
        result = TaskResult(one.task, one.trials, untuned, best, one.because or because)
        name, workload = one.task.kernels[0], one.task.key.workload
        self._listen(
            TaskDone(self._seconds(), workload, name, result.trials, untuned, best, result.because)
        )
        return result

    def _confirm(self, one: Running) -> None:
        """Measure the leader again beside the untuned schedule, in turns: one lucky
        measurement of many must not win, nor stay in the store as the best."""
        confirmed: set[Candidate] = set()
        while (leader := one.leader) and (first := one.first) and not self.stop.is_set():
            if leader is first or candidate_of(leader) in confirmed:
                return
            for record in self._measured_again(one, leader, first):
                confirmed.add(candidate_of(record))
                one.correct(record)
                self._store.put(record)

    def _measured_again(self, one: Running, *records: Record) -> list[Record]:
        codes = [self._code(one, candidate_of(record)) for record in records]
        costs = self._evaluator.in_turns(codes)
        return [_corrected(record, cost) for record, cost in zip(records, costs, strict=True)]

    def _code(self, one: Running, candidate: Candidate) -> Built | None:
        if candidate not in one.code:
            with contextlib.suppress(WorkError, WorkerDiedError):
                one.code[candidate] = self._evaluator.built(one.text, candidate).result()
        return one.code.get(candidate)

    def _ended(self) -> str:
        limits = self._how.limits
        if self.stop.is_set():
            return STOPPED
        if limits.seconds is not None and self._seconds() >= limits.seconds:
            return TIME
        return TRIALS if self._trials >= limits.trials else ""

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _record(self, one: Running, candidate: Candidate, outcome: Outcome) -> Record:
        cost = outcome.cost
        return Record(
            key=one.task.key,
            kernel=one.task.kernels[0],
            rule=candidate.rule,
            decisions=candidate.decisions,
            status=outcome.status,
            cost=None if cost is None else cost.value,
            unit="" if cost is None else cost.unit,
            spread=None if cost is None else cost.spread,
            reason=outcome.reason,
            schedule="" if outcome.code is None else outcome.code.schedule,
            seed=self._how.seed,
            trial=one.trials,
        )

    def _began(self, learnt: int) -> Began:
        tasks = tuple(
            TaskInfo(t.key.workload, t.kernels, 0 if t.extra else t.calls)
            for t in self._tasks.tasks
        )
        source = self._source
        return Began(
            self._model,
            self._spec.name,
            source.name,
            source.unit,
            source.blind,
            self._how.seed,
            self._how.limits.trials,
            tasks,
            self._tasks.skipped,
            learnt=learnt,
        )

    def _tried(self, one: Running, record: Record, *, stored: bool) -> Tried:
        return Tried(
            self._seconds(),
            self._trials - 1,
            one.trials - 1,
            record.key.workload,
            record.kernel,
            record.rule,
            dict(record.decisions),
            record.status.value,
            record.cost,
            record.spread,
            one.best[-1],
            record.reason,
            stored,
        )


def candidate_of(record: Record) -> Candidate:
    """What a record says of."""
    return Candidate(record.rule, record.decisions)


def _known(
    store: Store, tasks: Iterable[Task], seed: int
) -> Mapping[tuple[Key, Candidate], Record]:
    """What sessions with this seed stored of these tasks."""
    return {
        (task.key, candidate_of(record)): record
        for task in tasks
        for record in store.find(Wanted(workload=task.key.workload, cost=task.key.cost))
        if record.key == task.key and record.seed == seed
    }


def _corrected(record: Record, cost: Cost | None) -> Record:
    if cost is None:
        return dataclasses.replace(
            record, status=Status.FAILED, cost=None, spread=None, reason="it failed later"
        )
    return dataclasses.replace(record, cost=cost.value, spread=cost.spread)
