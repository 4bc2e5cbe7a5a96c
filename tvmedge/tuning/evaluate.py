"""One candidate from decisions to a verdict: built, measured, and, if it leads, checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, TypeVar

from tvmedge.records.types import Status
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.build import Built, Job, build
from tvmedge.tuning.check import fault
from tvmedge.tuning.costs.source import CandidateError, Cost, CostSource
from tvmedge.tuning.space import Candidate
from tvmedge.tuning.workers import WorkerDiedError, WorkError

T = TypeVar("T")
Measured: TypeAlias = tuple[Built, Cost]

_CHECK_S = 120.0  # unscheduled kernels are slow
_ROUNDS = 5  # of measuring candidates in turns


class Builders(Protocol):
    """Where candidates are compiled: processes here, or a cluster's executor."""

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        """``work(*args)`` somewhere; it fails with WorkError or WorkerDiedError."""


class Checker(Protocol):
    """Where candidates are checked: a process here, as they may crash."""

    def call(self, work: Callable[..., T], *args: Any, seconds: float) -> T:
        """``work(*args)``; it fails with WorkError or WorkerDiedError."""


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate; ``cost`` unless it failed or is wrong, which ``reason`` says.

    ``code`` is what was measured.
    """

    status: Status
    cost: Cost | None = None
    reason: str = ""
    code: Built | None = None


class Evaluator:
    """Judges candidates for ``spec`` by what ``source`` measures."""

    def __init__(
        self,
        spec: TargetSpec,
        source: CostSource,
        places: tuple[Builders, Checker],
        *,
        seed: int,
        between: int = 0,
    ) -> None:
        """Each candidate is measured as soon as it is built and one of the source's places is
        free; ``close`` ends that. ``between``: as ``BuiltCandidate``."""
        self._measuring = ThreadPoolExecutor(source.slots, thread_name_prefix="tvmedge-measure")
        self._spec = spec
        self._source = source
        self._builders, self._checker = places
        self._seed = seed
        self._between = between
        self._costs: dict[str, Cost] = {}

    def start(self, kernel: str, candidate: Candidate) -> Future[Measured]:
        """Begin to build and measure a candidate of the kernel (``build.as_text``)."""
        building = self.built(kernel, candidate)
        measured = self._measuring.submit(self._measure, building)
        # What is not wanted any more is not built either.
        measured.add_done_callback(lambda done: done.cancelled() and building.cancel())
        return measured

    def built(self, kernel: str, candidate: Candidate) -> Future[Built]:
        """Begin to build a candidate."""
        return self._builders.submit(build, Job(kernel, self._spec, candidate))

    def _measure(self, building: Future[Built]) -> Measured:
        made = self._placed(building.result())
        known = self._costs.get(made.code.digest)
        cost = self._costs[made.code.digest] = known or self._source.measure(made.code)
        return made, cost

    def _placed(self, made: Built) -> Built:
        """``made`` among the other kernels of its model."""
        return replace(made, code=replace(made.code, between=self._between))

    def close(self) -> None:
        """Measure nothing more."""
        self._measuring.shutdown(wait=False, cancel_futures=True)

    def finish(
        self, kernel: str, candidate: Candidate, started: Future[Measured], best: float = math.inf
    ) -> Outcome:
        """The verdict on a candidate that was started; one that costs less than ``best`` is
        compared with the unscheduled kernel first.

        Raises:
            BoardError: nothing can be measured any more.
            ToolError: a tool is missing, or the disk is full.
        """
        try:
            made, cost = started.result()
        except (WorkError, CandidateError) as error:
            return Outcome(Status.FAILED, reason=str(error))
        except WorkerDiedError as error:
            return Outcome(Status.FAILED, reason=f"the build {error}")
        if cost.value < best:
            wrong = self._wrong(Job(kernel, self._spec, candidate), made)
            if wrong:
                return Outcome(Status.WRONG, reason=wrong, code=made)
        return Outcome(Status.MEASURED, cost, code=made)

    def in_turns(self, codes: Sequence[Built | None]) -> list[Cost | None]:
        """Measure codes again, one after the other and that several times, so that a clock that
        drifts does so for all; the middle one of each, as luck must not count. None where one fails
        now, or is None."""
        rounds = 1 if self._source.deterministic else _ROUNDS
        found: list[list[Cost]] = [[] for _ in codes]
        for _ in range(rounds):
            for code, costs in zip(codes, found, strict=True):
                cost = None if code is None else self._again(code)
                if cost is not None:
                    costs.append(cost)
        return [_middle(costs) for costs in found]

    def _again(self, made: Built) -> Cost | None:
        try:
            return self._measuring.submit(self._source.measure, self._placed(made).code).result()
        except CandidateError:
            return None

    def _wrong(self, job: Job, made: Built) -> str:
        try:
            return self._checker.call(fault, job, self._seed, made.code, seconds=_CHECK_S)
        except WorkerDiedError as error:
            return str(error)
        except WorkError as error:
            return f"cannot be checked: {error}"


def _middle(costs: Sequence[Cost]) -> Cost | None:
    ranked = sorted(costs, key=lambda cost: cost.value)
    return ranked[(len(ranked) - 1) // 2] if ranked else None
