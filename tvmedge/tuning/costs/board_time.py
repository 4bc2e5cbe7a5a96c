"""The time that a kernel takes on boards of one kind, several of them at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.resources import Closing
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate
from tvmedge.tuning.costs.pool import BoardPool
from tvmedge.tuning.costs.source import Cost
from tvmedge.tuning.costs.timed import fastest

_SAMPLE_S = 200e-6  # calls timed together take so long, at least
_SECONDS = 0.05  # that a candidate is run for
_SAMPLES = range(5, 61)
_MOST_CALLS = 1 << 20


class BoardTime(Closing):
    """The fastest of many calls, on whichever board is idle.

    Calls follow each other on the same tensors: what fits into a cache stays there.
    """

    unit = "s"
    blind = "caches that are cold in a whole model"
    deterministic = False

    def __init__(
        self,
        name: str,
        starts: Mapping[str, Callable[[], KernelBoard]],
        linked: Sequence[Path] = (),
        seconds: float = 30.0,
    ) -> None:
        """``name`` says what the boards have in common; ``starts`` begins each, by its address.
        ``linked`` are objects that the boards want beside a kernel, ``seconds`` the most that
        one candidate may take."""
        self.name = f"wall-time {name}"
        self._boards = BoardPool(starts)
        self._linked = linked
        self._limit = seconds

    @property
    def slots(self) -> int:
        """Boards that are not lost."""
        return self._boards.size

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """Seconds of one call."""
        library = candidate.library(*self._linked)
        return fastest(self._boards.run(lambda board: self._samples(board, candidate, library)))

    def _samples(
        self, board: KernelBoard, candidate: BuiltCandidate, library: bytes
    ) -> list[float]:
        board.load(library, SYMBOL, candidate.sizes)
        for index, argument in enumerate(candidate.arguments):
            if argument.nbytes:
                board.fill(index, argument.sample())
        board.time(1, 1, self._limit)  # pages and caches
        (once,) = board.time(1, 1, self._limit)
        once = max(once * 1e-3, 1e-9)
        calls = min(max(1, round(_SAMPLE_S / once)), _MOST_CALLS)
        count = min(max(round(_SECONDS / (once * calls)), _SAMPLES.start), _SAMPLES.stop - 1)
        limit = self._limit + 2 * count * calls * once
        return [sample * 1e-3 / calls for sample in board.time(count, calls, limit)]

    def close(self) -> None:
        self._boards.close()
