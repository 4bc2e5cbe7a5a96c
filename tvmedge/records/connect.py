"""Connections to a store: SQLite's settings, the version of the tables, errors in sentences."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import Connection, Engine, event, exc, select
from sqlalchemy.pool import NullPool, QueuePool

from tvmedge.errors import InputError, ToolError
from tvmedge.records.place import Place
from tvmedge.records.tables import ABOUT, METADATA
from tvmedge.records.wire import SCHEMA

LOCK_SECONDS = 30.0  # how long to wait for another writer
_WRITERS = 0x7476_6D65_6467_65  # the advisory lock of a PostgreSQL database: "tvmedge"


def connect(place: Place, *, create: bool) -> Engine:
    """An engine for the store at ``place``, whose tables are ours.

    Raises:
        InputError: there is no store and none is to be created, or what is there is no store,
            is damaged or was made by a newer tvmedge.
        ToolError: the store cannot be reached, or its disk is full.
    """
    with sentences(place):
        if place.file is None:
            engine = _database(place)
            with engine.connect():
                pass
        else:
            if not place.file.exists():
                if not create:
                    raise InputError(
                        f"There is no record store '{place}': 'tvmedge tune' and 'tvmedge records "
                        "import' make one."
                    )
                _create_file(place.file)
            engine = _file(place.file)
        _require_schema(engine, place, create)
    return engine


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write; one at a time, whatever the number of processes."""
    with engine.connect().execution_options(tvmedge_writes=True) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def sentences(place: Place) -> Iterator[None]:
    """Turn a database's errors into one sentence, without any password."""
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error, OSError) as error:
        origin = error.orig if isinstance(error, exc.DBAPIError) else error
        raise _explained(place, str(origin)) from None
    except exc.NoSuchModuleError:
        raise InputError(
            f"The record store '{place}' is a kind of database that SQLAlchemy does not know: "
            "use a file or PostgreSQL."
        ) from None
    except ModuleNotFoundError as error:
        raise ToolError(
            f"The record store '{place}' needs the Python package '{error.name}': install it, or "
            "use a file or PostgreSQL."
        ) from None


def _explained(place: Place, cause: str) -> InputError | ToolError:
    store = f"The record store '{place}'"
    if "locked" in cause or "lock timeout" in cause:
        return ToolError(
            f"{store} stayed locked by another process for {LOCK_SECONDS:.0f} s: end that process "
            "or wait for it, and run again."
        )
    if "full" in cause or "No space left" in cause or "quota" in cause.lower():
        return ToolError(f"{store} is on a full disk: free some space and run again.")
    if "malformed" in cause or "not a database" in cause or "corrupt" in cause:
        return InputError(
            f"{store} is damaged or no SQLite file: move it away, and bring records back with "
            "'tvmedge records import'."
        )
    if "readonly" in cause or "unable to open" in cause:
        return ToolError(f"{store} cannot be opened for writing: give a writable place.")
    for secret in place.secrets:
        cause = cause.replace(secret, "***")
    return ToolError(f"{store} cannot be used ({' '.join(cause.split())[:300]}).")


def _database(place: Place) -> Engine:
    assert place.url is not None
    if place.url.get_backend_name() != "postgresql":
        return sqlalchemy.create_engine(place.url, poolclass=NullPool, hide_parameters=True)
    arguments = {
        "connect_timeout": 10,
        "client_encoding": "utf8",  # of a database in SQL_ASCII, too
        "options": f"-c lock_timeout={LOCK_SECONDS:.0f}s -c statement_timeout=120s",
    }
    engine = sqlalchemy.create_engine(
        place.url, poolclass=NullPool, connect_args=arguments, hide_parameters=True
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Rows that are not there yet cannot be locked, so two writers of one would collide.
        if _writes(connection):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")

    return engine


def _file(file: Path) -> Engine:
    """An engine for a file, which is never created here."""
    uri = f"file:{quote(str(file.absolute()))}?mode=rw"

    def open_file() -> sqlite3.Connection:
        # isolation_level None: SQLAlchemy begins transactions, by what ``begin`` says below.
        connection = sqlite3.connect(
            uri, timeout=LOCK_SECONDS, uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA trusted_schema=OFF")
        return connection

    engine = sqlalchemy.create_engine(
        "sqlite://", creator=open_file, poolclass=QueuePool, hide_parameters=True
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader that becomes a writer may find that another has written: writers say so first.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")

    return engine


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("tvmedge_writes", False))


def _create_file(file: Path) -> None:
    """A store without records appears at ``file``, whole; one that appears meanwhile stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
        fresh = Path(folder) / file.name
        with contextlib.closing(sqlite3.connect(fresh)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        engine = _file(fresh)
        _create_tables(engine)
        engine.dispose()
        with contextlib.suppress(FileExistsError):
            os.link(fresh, file)


def _require_schema(engine: Engine, place: Place, create: bool) -> None:
    if not sqlalchemy.inspect(engine).has_table(ABOUT.name):
        if place.file is not None or not create:
            raise InputError(
                f"'{place}' is no record store, but another database: give another place."
            )
        _create_tables(engine)
    with engine.connect() as connection:
        query = select(ABOUT.c.value).where(ABOUT.c.name == "schema")
        found = connection.execute(query).scalar()
    if found is None or not found.isdecimal():
        raise InputError(f"'{place}' states no version, so it is no record store.")
    if int(found) > SCHEMA:
        raise InputError(
            f"The record store '{place}' was made by a newer tvmedge (schema {found}, this one "
            f"reads {SCHEMA}): upgrade tvmedge."
        )


def _create_tables(engine: Engine) -> None:
    with writing(engine) as connection:
        if sqlalchemy.inspect(connection).has_table(ABOUT.name):
            return  # another process was quicker
        METADATA.create_all(connection)
        connection.execute(ABOUT.insert().values(name="schema", value=str(SCHEMA)))
