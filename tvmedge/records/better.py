"""Of two records of one candidate, the one to keep."""

from __future__ import annotations

from tvmedge.records.types import Record, Status

# One that was seen to be wrong stays wrong; one that once failed may have been unlucky.
_RANK = {Status.WRONG: 0, Status.MEASURED: 1, Status.FAILED: 2}


def better(there: Record, given: Record) -> Record:
    """The better of two: ``there`` unless ``given`` was measured to cost less, or says more."""
    return min(there, given, key=lambda r: (_RANK[r.status], r.cost or 0.0))


def newer(there: Record, given: Record) -> Record:
    """``given``."""
    return given
