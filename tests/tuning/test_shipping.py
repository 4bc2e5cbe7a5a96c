"""Which counted records come with tvmedge: those that nothing speaks against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tuning.test_session import CodeSize, tasks_of_products
from tvmedge.records.store import Store, open_store
from tvmedge.records.types import Record, Status
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of
from tvmedge.tuning.build import Job, as_text, scheduled_kernel
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.source import Cost
from tvmedge.tuning.shipping import judged, tasks_in
from tvmedge.tuning.space import Candidate, Space
from tvmedge.tuning.tasks import Task

PI = target("raspberry-pi-5")
Put = Callable[[Candidate, float, int], None]


@pytest.fixture(scope="module")
def task() -> Task:
    return next(task for task in tasks_of_products(PI).tasks if "dense" in task.kernels[0])


@pytest.fixture(scope="module")
def candidates(task: Task) -> tuple[Candidate, Candidate]:
    """The untuned one, and one that leaves no fewer tasks."""
    (untuned, *_) = Space(task.func, core_of(PI)).defaults
    return untuned, _with(untuned, pixels_first=not dict(untuned.decisions)["pixels_first"])


def _with(candidate: Candidate, **decisions: bool | int) -> Candidate:
    return Candidate(candidate.rule, tuple((dict(candidate.decisions) | decisions).items()))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "records.db"), create=True)


@pytest.fixture
def put(task: Task, store: Store) -> Put:
    return lambda candidate, cost, trial: store.put(
        Record(
            task.key,
            "dense",
            candidate.rule,
            candidate.decisions,
            Status.MEASURED,
            cost,
            "cycles",
            0.0,
            trial=trial,
        )
    )


class _Grows(CodeSize):
    """Each measurement finds more than the last."""

    def __init__(self) -> None:
        self._times = 0

    def measure(self, candidate: BuiltCandidate) -> Cost:
        self._times += 1
        return Cost(float(self._times), self.unit)


class _Even(CodeSize):
    """All cost the same."""

    def measure(self, candidate: BuiltCandidate) -> Cost:
        return Cost(1.0, self.unit)


def _why(task: Task, store: Store, counts: CodeSize, clock: CodeSize, fault: str = "") -> str:
    checked: list[Job] = []

    def check(job: Job, seed: int) -> str:
        checked.append(job)
        return fault

    found = judged(task, PI, store, (counts, clock), check)
    assert (found.record is None) == bool(found.why)
    assert len(checked) <= 1
    return found.why or "shipped"


def test_one_that_wins_by_a_margin_is_shipped(
    task: Task, store: Store, put: Put, candidates: tuple[Candidate, Candidate]
) -> None:
    untuned, tuned = candidates
    assert _why(task, store, _Even(), _Even()).startswith("it was not searched")
    put(untuned, 100.0, 0)
    assert _why(task, store, _Even(), _Even()) == "little was won"
    put(tuned, 99.0, 1)
    assert _why(task, store, _Even(), _Even()) == "little was won"
    put(tuned, 90.0, 1)
    assert _why(task, store, _Even(), _Even()) == "shipped"
    found = judged(task, PI, store, (_Even(), _Even())).record  # and it is right, indeed
    assert found is not None and found.cost == 90.0


def test_what_speaks_against_one_is_said(
    task: Task, store: Store, put: Put, candidates: tuple[Candidate, Candidate]
) -> None:
    untuned, tuned = candidates
    put(untuned, 100.0, 0)
    put(tuned, 90.0, 1)
    assert _why(task, store, _Grows(), _Even()) == "it executes more instructions"
    assert _why(task, store, _Even(), _Grows()) == "its loops take longer here"
    assert _why(task, store, _Even(), _Even(), "is off by 2") == "it is off by 2"


def test_one_that_leaves_cores_idle_wins_less(
    task: Task, store: Store, put: Put, candidates: tuple[Candidate, Candidate]
) -> None:
    """All columns at once are one task for four cores, whatever one of them wins."""
    untuned, _ = candidates
    alone = _with(untuned, vectors=12, columns=1)
    few, many = (
        tasks_in(scheduled_kernel(Job(as_text(task.func), PI, one))) for one in (alone, untuned)
    )
    assert few == 1 < many
    put(untuned, 100.0, 0)
    put(alone, 90.0, 1)
    assert _why(task, store, _Even(), _Even()) == "little was won"
