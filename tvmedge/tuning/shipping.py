"""Which of the records that a search found by a counted cost are good enough to come with tvmedge.

What is expected of code is not what it takes on a board, so a record is shipped only where it wins
by a margin, where neither counted instructions nor the time of the same loops on this machine,
which knows caches, speak against it, where it leaves the cores of the target as much to share as
the untuned schedule does, and where it computes the right thing on inputs that the search did not
check it with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tvm import tirx
from tvm_ffi import structural_walk

from tvmedge.records.order import order
from tvmedge.records.store import Store, Wanted
from tvmedge.records.types import Record, Status
from tvmedge.schedules.rules.cpu.tiles import waiting
from tvmedge.targeting import TargetSpec, target
from tvmedge.targeting.core import core_of
from tvmedge.tuning.build import Job, as_text, build, compiled, scheduled_kernel
from tvmedge.tuning.check import fault
from tvmedge.tuning.costs.source import CostSource
from tvmedge.tuning.session import candidate_of
from tvmedge.tuning.space import Space
from tvmedge.tuning.tasks import Task

MARGIN = 0.98
"""Of the untuned cost, that a shipped record has at most."""
MORE_INSTRUCTIONS = 1.05
"""Times those of the untuned schedule, that it executes at most."""
MORE_TIME = 1.03
"""Times that of the untuned schedule, that the same loops take on this machine at most."""
_ROUNDS = 5
_SEED = 1  # a search's own checks are made with another


@dataclass(frozen=True)
class Verdict:
    """What came of a task: its best ``record`` if it is shipped, else ``why`` not. ``ratio`` is
    the cost over that of the untuned schedule, ``instructions`` and ``here`` the same of those
    and of the time of its loops on this machine."""

    record: Record | None
    why: str = ""
    ratio: float = 1.0
    instructions: float = 1.0
    here: float = 1.0


def judged(
    task: Task,
    spec: TargetSpec,
    store: Store,
    judges: tuple[CostSource, CostSource],
    check: Callable[[Job, int], str] = fault,
) -> Verdict:
    """The best that ``store`` has of ``task``; the ``judges`` are the instructions of ``spec`` and
    the time of this machine.

    Raises:
        ToolError: a tool is missing.
        CandidateError: the schedule cannot be counted or timed.
    """
    found = [
        record
        for record in store.find(Wanted(workload=task.key.workload, status=Status.MEASURED))
        if record.key == task.key
    ]
    today = Space(task.func, core_of(spec)).defaults[:1]
    untuned = next((record for record in found if candidate_of(record) in today), None)
    if untuned is None:
        return Verdict(None, "it was not searched since its rule has today's defaults")
    best = min(found, key=lambda record: (_cost(record), *order(record)))
    jobs = [Job(as_text(task.func), spec, candidate_of(record)) for record in (untuned, best)]
    ratio = _cost(best) / _cost(untuned)
    if ratio <= MARGIN:
        before, after = (_waiting(job, spec) for job in jobs)
        ratio *= max(1.0, after / before)
    if ratio > MARGIN:
        return Verdict(None, "little was won", ratio)
    counts, clock = judges
    before, after = (counts.measure(build(job).code).value for job in jobs)
    instructions = after / before
    if instructions > MORE_INSTRUCTIONS:
        return Verdict(None, "it executes more instructions", ratio, instructions)
    here = _here(jobs, clock)
    if here > MORE_TIME:
        return Verdict(None, "its loops take longer here", ratio, instructions, here)
    if why := check(jobs[1], _SEED):
        return Verdict(None, f"it {why}", ratio, instructions, here)
    return Verdict(best, "", ratio, instructions, here)


def _here(jobs: Sequence[Job], clock: CostSource) -> float:
    """The time of the second's loops over that of the first's, measured in turns."""
    machine = target("host")
    codes = [compiled(scheduled_kernel(job), job.spec, machine) for job in jobs]
    found = [[clock.measure(code).value for code in codes] for _ in range(_ROUNDS)]
    return min(after for _, after in found) / min(before for before, _ in found)


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
