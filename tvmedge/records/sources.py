"""Where records to apply come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tvmedge.records.place import Place, default_file
from tvmedge.records.shipped import Shipped
from tvmedge.records.types import Key, Record

NONE = "none"


class Source(Protocol):
    """Something that knows records."""

    def about(self, key: Key) -> Sequence[Record]:
        """All that is known of the workload of ``key``, whatever else it was recorded for."""


def sources(records: str | None) -> tuple[Source, ...]:
    """What ``--records`` means, the first to know a kernel being the one that counts: the
    store given, or the default one if it exists; then what tvmedge ships. ``none``: nothing.

    Raises:
        InputError: no store is there, or it is none of ours.
        ToolError: it cannot be used.
    """
    if records == NONE:
        return ()
    if records is None and not default_file().exists():
        return (Shipped(),)
    from tvmedge.records.store import open_store  # SQLAlchemy takes its time

    return (open_store(Place(default_file()) if records is None else records), Shipped())
