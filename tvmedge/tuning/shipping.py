"""Which of the records that a search found by a counted cost are good enough to come with tvmedge.

What is expected of code is not what it takes on a board, so a record is shipped only where it wins
by a margin, where counted instructions do not speak against it, where it leaves the cores of the
target as much to share as the untuned schedule does, and where it computes the right thing on
inputs that the search did not check it with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tvm import tirx
from tvm_ffi import structural_walk

from tvmedge.records.order import order
from tvmedge.records.store import Store, Wanted
from tvmedge.records.types import Record, Status
from tvmedge.schedules.rules.cpu.tiles import waiting
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.build import Job, as_text, build, scheduled_kernel
from tvmedge.tuning.check import fault
from tvmedge.tuning.costs.source import CostSource
from tvmedge.tuning.session import candidate_of
from tvmedge.tuning.tasks import Task

MARGIN = 0.98
"""Of the untuned cost, that a shipped record has at most."""
MORE_INSTRUCTIONS = 1.05
"""Times those of the untuned schedule, that it executes at most."""
_SEED = 1  # a search's own checks are made with another


@dataclass(frozen=True)
class Verdict:
    """What came of a task: its best ``record`` if it is shipped, else ``why`` not. ``ratio`` is
    the cost over that of the untuned schedule, ``instructions`` the same of those."""

    record: Record | None
    why: str = ""
    ratio: float = 1.0
    instructions: float = 1.0


def judged(
    task: Task,
    spec: TargetSpec,
    store: Store,
    counts: CostSource,
    check: Callable[[Job, int], str] = fault,
) -> Verdict:
    """The best that ``store`` has of ``task``, ``counts`` being the instructions of ``spec``.

    Raises:
        ToolError: a tool is missing.
        CandidateError: the schedule cannot be counted.
    """
    found = [
        record
        for record in store.find(Wanted(workload=task.key.workload, status=Status.MEASURED))
        if record.key == task.key
    ]
    untuned = next((record for record in found if record.trial == 0), None)
    if untuned is None:
        return Verdict(None, "it was not searched")
    best = min(found, key=lambda record: (_cost(record), *order(record)))
    jobs = [Job(as_text(task.func), spec, candidate_of(record)) for record in (untuned, best)]
    ratio = _cost(best) / _cost(untuned)
    if ratio <= MARGIN:
        before, after = (_waiting(job, spec) for job in jobs)
        ratio *= max(1.0, after / before)
    if ratio > MARGIN:
        return Verdict(None, "little was won", ratio)
    before, after = (counts.measure(build(job).code).value for job in jobs)
    if after > MORE_INSTRUCTIONS * before:
        return Verdict(None, "it executes more instructions", ratio, after / before)
    if why := check(jobs[1], _SEED):
        return Verdict(None, f"it {why}", ratio, after / before)
    return Verdict(best, "", ratio, after / before)


def _waiting(job: Job, spec: TargetSpec) -> float:
    """What cores that find nothing to do cost, as rules estimate it."""
    tasks = tasks_in(scheduled_kernel(job))
    return float(waiting(core_of(spec), tasks))


def tasks_in(scheduled: tirx.PrimFunc) -> int:
    """Iterations of the longest parallel loop, 1 without any."""
    found = [1]

    def look(loop: tirx.For) -> None:
        if loop.kind == tirx.ForKind.PARALLEL and isinstance(loop.extent, tirx.IntImm):
            found.append(int(loop.extent))

    structural_walk(scheduled.body, (tirx.For, look))
    return max(found)


def _cost(record: Record) -> float:
    assert record.cost is not None
    return record.cost
