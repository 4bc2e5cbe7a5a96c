"""What survives a restart of the gateway: whom it knows, who waits, what is lent."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tvmedge.errors import InputError, ToolError
from tvmedge.resources import Closing

_FILE = "state.sqlite"
_VERSION = 1
_TABLES = """
CREATE TABLE clients (serial TEXT PRIMARY KEY, name TEXT NOT NULL, expires REAL NOT NULL,
                      revoked REAL) STRICT;
CREATE TABLE tickets (number INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE,
                      client TEXT NOT NULL, ask BLOB NOT NULL) STRICT;
CREATE TABLE leases (token TEXT PRIMARY KEY, ticket TEXT NOT NULL, client TEXT NOT NULL,
                     board TEXT NOT NULL, ask BLOB NOT NULL, attached INTEGER NOT NULL) STRICT;
CREATE TABLE turns (client TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True)
class TicketRow:
    """Somebody who waits; ``ask`` is the message."""

    number: int
    token: str
    client: str
    ask: bytes


@dataclass(frozen=True)
class LeaseRow:
    """A board that is lent, or was when the gateway ended; ``attached`` is 1 or 0."""

    token: str
    ticket: str
    client: str
    board: str
    ask: bytes
    attached: int


class State(Closing):
    """A gateway's file; a context manager. Every change is on disk when its method returns.

    Every method raises ToolError where the file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        """Raises InputError where the file is of a newer tvmedge."""
        path = folder / _FILE
        with _sentences(path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
        self._path = path
        with self._changing():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if not version:
                for statement in _TABLES.split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={_VERSION}")
        if version > _VERSION:
            raise InputError(f"'{path}' is of a newer tvmedge: use that, or another folder.")

    def close(self) -> None:
        self._db.close()

    def enroll(self, serial: str, name: str, expires: float) -> None:
        """Know a certificate."""
        with self._changing():
            row = (serial, name, expires)
            self._db.execute("INSERT INTO clients (serial, name, expires) VALUES (?, ?, ?)", row)

    def is_enrolled(self, name: str) -> bool:
        """Whether somebody of that name is let in."""
        where = "name = ? AND revoked IS NULL AND expires > ?"
        return bool(self._all(f"SELECT 1 FROM clients WHERE {where}", name, time.time()))

    def revoke(self, name: str) -> bool:
        """Let a name in no more; whether it was."""
        with self._changing():
            where = "name = ? AND revoked IS NULL"
            row = (time.time(), name)
            return (
                self._db.execute(f"UPDATE clients SET revoked = ? WHERE {where}", row).rowcount > 0
            )

    def revoked(self) -> dict[str, str]:
        """Certificates that were revoked, and whose they were."""
        return dict(self._all("SELECT serial, name FROM clients WHERE revoked IS NOT NULL"))

    def client(self, serial: str) -> tuple[str, bool] | None:
        """The name that a certificate was given to, and whether it was revoked."""
        found = self._all("SELECT name, revoked FROM clients WHERE serial = ?", serial)
        return (str(found[0][0]), found[0][1] is not None) if found else None

    def add_ticket(self, token: str, client: str, ask: bytes) -> int:
        """Somebody waits; the number that tells the order."""
        with self._changing():
            row = (token, client, ask)
            query = "INSERT INTO tickets (token, client, ask) VALUES (?, ?, ?)"
            number = self._db.execute(query, row).lastrowid
        assert number is not None
        return number

    def restore_ticket(self, ticket: TicketRow, lease: str) -> None:
        """A lease came to nothing: who had it waits again, at the same place."""
        with self._changing():
            self._db.execute("DELETE FROM leases WHERE token = ?", (lease,))
            row = (ticket.number, ticket.token, ticket.client, ticket.ask)
            self._db.execute("INSERT INTO tickets VALUES (?, ?, ?, ?)", row)

    def remove_ticket(self, number: int) -> None:
        """Somebody waits no more."""
        with self._changing():
            self._db.execute("DELETE FROM tickets WHERE number = ?", (number,))

    def lend(self, ticket: TicketRow, lease: str, board: str) -> None:
        """Who waited has a board now, and had a turn."""
        with self._changing():
            self._db.execute("DELETE FROM tickets WHERE number = ?", (ticket.number,))
            row = (lease, ticket.token, ticket.client, board, ticket.ask)
            self._db.execute("INSERT INTO leases VALUES (?, ?, ?, ?, ?, 0)", row)
            turn = "SELECT coalesce(max(number), 0) + 1 FROM turns"
            query = f"INSERT OR REPLACE INTO turns VALUES (?, ({turn}))"
            self._db.execute(query, (ticket.client,))

    def attach(self, lease: str) -> None:
        """A lease has its session."""
        with self._changing():
            self._db.execute("UPDATE leases SET attached = 1 WHERE token = ?", (lease,))

    def remove_lease(self, lease: str) -> None:
        """A board is back."""
        with self._changing():
            self._db.execute("DELETE FROM leases WHERE token = ?", (lease,))

    def tickets(self) -> list[TicketRow]:
        """Who waits, by number."""
        query = "SELECT number, token, client, ask FROM tickets ORDER BY number"
        return [TicketRow(*row) for row in self._all(query)]

    def leases(self) -> list[LeaseRow]:
        """What is lent."""
        query = "SELECT token, ticket, client, board, ask, attached FROM leases"
        return [LeaseRow(*row) for row in self._all(query)]

    def turns(self) -> dict[str, int]:
        """When each client last had a turn: a number that grows with each."""
        return dict(self._all("SELECT client, number FROM turns"))

    def _all(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with _sentences(self._path):
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with _sentences(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ToolError(f"Cannot use '{path}': {error}; check its folder and disk.") from error
