"""The interface between a search and what tells it how good a kernel is.

This is all that a source has to be; searches, replays and records know no more of it:

    class Packets(Counted[MyBoard]):            # counted.py: figures that repeat exactly
        unit, blind = "packets", "stalls"
        name = "packets hexagon-v68"            # its first word says how far it is trusted
        def cost(self, board, candidate): ...   # of one call

``BuiltCandidate`` (candidate.py) is a kernel in C's convention in an object file; a source of
another kind of code derives from nothing and takes what its targets' builder makes. A new kind of
source is added to ``CostKind`` (choose.py), to what ``boardless`` or ``on_boards`` give for it,
and its name's first word to ``records/choose.py``, in the order of trust.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from tvmedge.tuning.costs.candidate import BuiltCandidate


@dataclass(frozen=True)
class Cost:
    """What a call of a kernel costs, less being better: ``value`` and ``spread`` (between
    the quartiles of repeated measurements; 0 where repeats agree) in ``unit``."""

    value: float
    unit: str
    spread: float = 0.0


class CandidateError(Exception):
    """A candidate cannot be measured: it crashed, hung, or is not what the source takes.

    The message completes "the candidate ...". The source is ready for the next one.
    """


class CostSource(Protocol):
    """Measures candidates; a context manager that ends whatever it started.

    ``name`` goes into every record and says where the figure comes from
    ("wall-time local", "instructions cortex-a72"). ``blind`` completes "it ignores ..." and is
    said wherever a cost is shown; empty where nothing is. ``deterministic``: the same candidate
    always costs the same. ``slots`` candidates may be measured at the same time, each
    from a thread of its own.
    """

    name: str
    unit: str
    blind: str
    deterministic: bool

    @property
    def slots(self) -> int:
        """How many may be measured at the same time, now."""

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """What one call of ``candidate`` costs.

        Raises:
            CandidateError: this candidate fails; others may not.
            BoardError: nothing can be measured any more, such as when the last board is lost.
            ToolError: what the source runs on is missing, or a disk is full.
        """

    def __enter__(self) -> CostSource: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
