"""What the sources have in common that run code on emulated boards: each code once, however
many schedules come to it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, TypeVar

from tvmedge.resources import Closing
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.pool import BoardPool, Closable
from tvmedge.tuning.costs.source import Cost

B = TypeVar("B", bound=Closable)


class Counted(Closing, Generic[B]):
    """A ``CostSource`` whose figures repeat exactly, on ``boards`` that it closes at its end.

    Who derives from it says ``name``, ``unit``, ``blind`` and what one call costs.
    """

    name: str
    unit: str
    blind: str
    deterministic = True

    def __init__(self, boards: BoardPool[B]) -> None:
        self._boards = boards
        self._known: dict[str, Cost] = {}

    @abstractmethod
    def cost(self, board: B, candidate: BuiltCandidate) -> float:
        """Of one call of ``candidate`` on ``board``, in ``unit``; errors are those of boards."""

    @property
    def slots(self) -> int:
        """Candidates that may be looked at at the same time: boards that are not lost."""
        return self._boards.size

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """As ``CostSource.measure``."""
        if candidate.digest not in self._known:
            value = self._boards.run(lambda board: self.cost(board, candidate))
            self._known[candidate.digest] = Cost(value, self.unit)
        return self._known[candidate.digest]

    def close(self) -> None:
        self._boards.close()
