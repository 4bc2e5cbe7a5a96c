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
    from tvmedge.records.store import open_store

    if records is not None:
        return (open_store(records), Shipped())
    if default_file().exists():
        return (open_store(Place(default_file())), Shipped())
    return (Shipped(),)
