"""What the sources have in common that time kernels on this machine, in a process of its own on
one core."""

from __future__ import annotations

import statistics
from abc import abstractmethod
from collections.abc import Sequence

from tvmedge.resources import Closing
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.source import CandidateError, Cost
from tvmedge.tuning.workers import Worker, WorkerDiedError, WorkError, measuring_core


class TimedHere(Closing):
    """A ``CostSource``; who derives from it says ``name``, ``blind`` and how it is timed."""

    name: str
    blind: str
    unit = "s"
    deterministic = False
    slots = 1

    def __init__(self, core: int | None = None) -> None:
        """``core``: the processor to measure on (for PoCL, the device), the last one by
        default."""
        self._worker = Worker([measuring_core() if core is None else core])

    @abstractmethod
    def cost(self, candidate: BuiltCandidate, worker: Worker) -> Cost:
        """Seconds of one call; errors as of ``Worker.call``, and CandidateError."""

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """Seconds of one call; errors as in ``CostSource``."""
        try:
            return self.cost(candidate, self._worker)
        except (WorkerDiedError, WorkError) as error:
            raise CandidateError(str(error)) from error

    def close(self) -> None:
        self._worker.close()


def fastest(samples: Sequence[float]) -> Cost:
    """Two samples of seconds or more as a cost: what disturbs a call only makes it slower."""
    low, _, high = statistics.quantiles(samples, n=4)
    return Cost(min(samples), TimedHere.unit, high - low)
