"""The record store: every candidate a tuner tried, kept through crashes and shared by several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import ColumnElement, Engine, delete, func, insert, select

from tvmedge.errors import InputError
from tvmedge.records.better import better, newer
from tvmedge.records.connect import connect, sentences, writing
from tvmedge.records.order import order
from tvmedge.records.place import Place, place_of
from tvmedge.records.tables import RECORDS, record_of_row, row_of
from tvmedge.records.types import Key, Record, Status
from tvmedge.records.wire import NotARecordError
from tvmedge.resources import Closing

T = TypeVar("T")

_BATCH = 500  # rows a statement


@dataclass(frozen=True)
class Wanted:
    """Which records: those that agree with everything that is not None.

    ``target`` is a target's name, ``key_target`` the whole of ``Key.target``.
    """

    workload: str | None = None
    target: str | None = None
    key_target: str | None = None
    cost: str | None = None
    status: Status | None = None


class Store(Closing):
    """A store that is open; safe to use from several processes and after a fork.

    Every method raises ToolError where the store cannot be used: locked for 30 s, its disk
    full, its server gone.
    """

    def __init__(self, place: Place, engine: Engine) -> None:
        self.place = place
        self._shared = engine
        self._process = os.getpid()

    @property
    def _engine(self) -> Engine:
        if self._process != os.getpid():  # connections from before a fork are the parent's
            self._shared.dispose(close=False)
            self._process = os.getpid()
        return self._shared

    def close(self) -> None:
        self._engine.dispose()

    def put(self, *records: Record) -> None:
        """Store ``records``, all or none; they are on disk when this returns.

        A candidate that is there already is replaced: the newest measurement counts.
        """
        self._write(records, newer)

    def merge(self, records: Iterable[Record]) -> int:
        """Store ``records`` where they are better than what is there, and count those that
        changed anything. Batches are transactions of their own."""
        changed = 0
        remaining = iter(records)
        while batch := list(islice(remaining, _BATCH)):
            changed += self._write(batch, better)
        return changed

    def find(self, wanted: Wanted | None = None) -> list[Record]:
        """The records wanted, in one order wherever they are stored.

        Raises:
            InputError: a row that tvmedge did not write.
        """
        query = select(RECORDS).where(*_conditions(wanted or Wanted()))
        try:
            with sentences(self.place), self._engine.connect() as connection:
                rows = connection.execute(query).mappings()
                return sorted((record_of_row(dict(row)) for row in rows), key=order)
        except NotARecordError as error:
            raise InputError(
                f"The record store '{self.place}' holds a row that {error}: tvmedge did not "
                "write it; move the store away."
            ) from None

    def about(self, key: Key) -> list[Record]:
        """The records of the workload of ``key``, whatever else they were recorded for."""
        return self.find(Wanted(workload=key.workload))

    def count(self) -> int:
        """How many records there are."""
        with sentences(self.place), self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(RECORDS)).scalar_one())

    def remove(self, records: Iterable[Record]) -> None:
        """Forget candidates, all or none."""
        with sentences(self.place), writing(self._engine) as connection:
            for ids in _batches([row_of(record)["id"] for record in records]):
                connection.execute(delete(RECORDS).where(RECORDS.c.id.in_(ids)))

    def _write(self, records: Sequence[Record], choose: Callable[[Record, Record], Record]) -> int:
        given: dict[str, Record] = {}
        for record in records:
            name = row_of(record)["id"]
            given[name] = choose(given[name], record) if name in given else record
        with sentences(self.place), writing(self._engine) as connection:
            for ids in _batches(list(given)):
                query = select(RECORDS).where(RECORDS.c.id.in_(ids))
                for row in connection.execute(query).mappings().all():
                    there = record_of_row(dict(row))
                    if choose(there, given[row["id"]]) == there:
                        del given[row["id"]]
            for ids in _batches(list(given)):
                connection.execute(delete(RECORDS).where(RECORDS.c.id.in_(ids)))
                connection.execute(insert(RECORDS), [row_of(given[name]) for name in ids])
        return len(given)


def open_store(place: str | Place, *, create: bool = False) -> Store:
    """The store at a path or SQLAlchemy URL.

    Raises:
        InputError: there is none (and none is to be created), or what is there is no store,
            is damaged or was made by a newer tvmedge.
        ToolError: it cannot be reached or written, or its disk is full.
    """
    where = place_of(place) if isinstance(place, str) else place
    return Store(where, connect(where, create=create))


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = RECORDS.c
    exact = (
        (columns.workload, wanted.workload),
        (columns.target, wanted.key_target),
        (columns.cost_source, wanted.cost),
        (columns.status, wanted.status and wanted.status.value),
    )
    found = [column == value for column, value in exact if value is not None]
    if wanted.target is not None:
        found.append(columns.target.startswith(f"{wanted.target}:", autoescape=True))
    return found


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
