"""Stores that cannot be used: one sentence each, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from tests.records.examples import record
from tests.small_disk import small_disk
from tvmedge.cli import main
from tvmedge.errors import InputError, ToolError
from tvmedge.records import connect
from tvmedge.records.place import place_of
from tvmedge.records.store import open_store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store of one record."""
    path = tmp_path / "records.db"
    with open_store(str(path), create=True) as store:
        store.put(record())
    return path


def test_a_store_of_a_newer_version_is_refused(place: str) -> None:
    with open_store(place, create=True) as store, connect.writing(store._engine) as connection:
        connection.exec_driver_sql("UPDATE tvmedge_about SET value = '2'")
    with pytest.raises(InputError, match=r"made by a newer tvmedge \(schema 2, .* upgrade"):
        open_store(place)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a store " * 100)
    with pytest.raises(InputError, match=r"'.*notes.txt' is damaged or no SQLite file"):
        open_store(str(path))
    assert path.read_text() == "not a store " * 100


def test_another_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photos (id)")
    before = path.read_bytes()
    with pytest.raises(InputError, match="is no record store, but another database"):
        open_store(str(path), create=True)
    assert path.read_bytes() == before


def test_a_damaged_store_is_refused(file: Path) -> None:
    with open_store(str(file)) as store:
        store.merge(record(n) for n in range(500))
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    with (
        pytest.raises(InputError, match="is damaged or no SQLite file"),
        open_store(str(file)) as s,
    ):
        s.find()


def test_a_row_of_somebody_else_is_refused(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE tvmedge_records SET decisions = '[1, 2'")
    with open_store(str(file)) as store, pytest.raises(InputError, match="did not write it"):
        store.find()


def test_a_locked_store_is_waited_for_and_then_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "LOCK_SECONDS", 0.3)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with open_store(str(file)) as store:
            assert store.find() == [record()]  # reading goes on
            with pytest.raises(ToolError, match="stayed locked by another process"):
                store.put(record(2))
            other.execute("ROLLBACK")
            store.put(record(2))


def test_a_full_disk_is_named_and_what_was_stored_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 320) as disk:
        path = disk / "records.db"
        with open_store(str(path), create=True) as store:
            stored = 0
            with pytest.raises(ToolError, match="is on a full disk: free some space"):
                for stored in range(10_000):
                    store.put(record(stored, reason="r" * 400))
            assert stored > 10
        with open_store(str(path)) as store:
            assert [r.decisions for r in store.find()] == [
                record(n).decisions for n in sorted(range(stored), key=str)
            ]
        with pytest.raises(ToolError, match=r"full disk"):
            open_store(str(disk / "second.db"), create=True)
        assert not (disk / "second.db").exists()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/db", "postgresql+psycopg://me:***@127.0.0.1:1/db"),
        ("postgresql://127.0.0.1:1/db?password=s3cret", "password=***"),
        ("postgresql+psycopg://me:s3cret@nowhere.invalid/db", "cannot be used"),
    ],
)
def test_a_password_is_never_shown(
    url: str, shown: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["records", "list", "--records", url, "-v"]) == 6
    text = "".join(capsys.readouterr()) + caplog.text
    assert shown in text
    assert "s3cret" not in text


@pytest.mark.parametrize("url", ["postgresql://me:s3cret@host:port/db", "odd://me:s3cret@host/db"])
def test_an_address_that_is_none_does_not_show_its_password(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["records", "list", "--records", url]) == 2
    text = "".join(capsys.readouterr())
    assert "s3cret" not in text
    assert text.count("\n") == 1


def test_urls_of_sqlite_are_files(tmp_path: Path) -> None:
    assert place_of(f"sqlite:///{tmp_path}/r.db").file == tmp_path / "r.db"
    with pytest.raises(InputError, match="keeps nothing"):
        place_of("sqlite://")
