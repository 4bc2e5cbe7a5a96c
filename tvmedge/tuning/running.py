"""A task while it is being tuned: what was tried, and whether more is worth it."""

from __future__ import annotations

from tvmedge.records.types import Record
from tvmedge.records.worth import worth
from tvmedge.tuning.build import Built, as_text
from tvmedge.tuning.search import Search
from tvmedge.tuning.space import Candidate
from tvmedge.tuning.tasks import Task

_WINDOW = 16  # trials back that tell how fast it goes
_HOPE = 0.15  # of its cost that a task is hoped to win by as many trials as it has had


class Running:
    """``best`` are the costs of the best candidate after each trial, ``code`` that of the
    untuned candidate and of those that led, ``because`` says why the search ended."""

    def __init__(self, task: Task, search: Search) -> None:
        self.task = task
        self.search = search
        self.text = as_text(task.func)
        self.best: list[float | None] = []
        self.code: dict[Candidate, Built] = {}
        self.because = ""
        self._records: dict[Candidate, Record] = {}

    @property
    def trials(self) -> int:
        """How many candidates were tried."""
        return len(self.best)

    @property
    def first(self) -> Record | None:
        """The untuned schedule."""
        return next(iter(self._records.values()), None)

    @property
    def leader(self) -> Record | None:
        """The cheapest that is right."""
        right = [record for record in self._records.values() if record.cost is not None]
        return min(right, key=_cost, default=None)

    @property
    def winner(self) -> Record | None:
        """What compile takes: the leader, if it is worth it."""
        return worth(record for record in self._records.values() if record.cost is not None)

    @property
    def total(self) -> float:
        """What the task's calls in a run of the model cost now; 0 where nothing is known."""
        now = self.best[-1] if self.best else None
        return (now or 0.0) * self.task.calls

    def note(self, candidate: Candidate, record: Record, code: Built | None) -> None:
        """Take in what became of a candidate."""
        before = self.best[-1] if self.best else None
        leads = record.cost is not None and (before is None or record.cost < before)
        if code is not None and (leads or not self.best):
            self.code[candidate] = code
        self._records[candidate] = record
        self.search.tell(candidate, record.cost)
        self.best.append(record.cost if leads else before)

    def correct(self, record: Record) -> None:
        """Take in that a candidate was measured again."""
        self._records[Candidate(record.rule, record.decisions)] = record

    def gain(self) -> float:
        """What one more trial is expected to win in a run of the model, in the cost's unit: as
        much as the last ones did, or what there is to hope for, whichever is more."""
        now = self.best[-1] if self.best else None
        if now is None:
            return 0.0
        since = self.best[max(0, self.trials - 1 - _WINDOW)]
        made = 0.0 if since is None else (since - now) / min(_WINDOW, self.trials)
        return self.task.calls * max(made, now * _HOPE / self.trials)


def _cost(record: Record) -> float:
    assert record.cost is not None
    return record.cost
