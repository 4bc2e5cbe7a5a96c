"""Several writers of one store, and writers that are killed."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sqlite3
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.records.examples import record, write_some, write_until_killed
from tvmedge.records.store import open_store


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start quickly, having imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.records.examples"])
    return context


def test_several_writers_lose_nothing(place: str, processes: ForkServerContext) -> None:
    writers = [processes.Process(target=write_some, args=(place, n, 30)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    with open_store(place) as store:
        found = store.find()
    own = [r for r in found if r.kernel != "shared"]
    assert len(own) == 4 * 30
    shared = {r.decisions: r.cost for r in found if r.kernel == "shared"}
    assert shared.keys() == {record(0).decisions, record(1).decisions}
    assert shared[record(1).decisions] == 1.0  # the best that any of them saw


@pytest.mark.parametrize(
    "kills", [5, pytest.param(50, marks=pytest.mark.slow)], ids=["some", "fifty"]
)
def test_a_killed_writer_loses_at_most_the_record_in_flight(
    tmp_path: Path, processes: ForkServerContext, kills: int
) -> None:
    moments = random.Random(kills)
    path = tmp_path / "records.db"
    for kill in range(kills):
        told, stored = _kill_a_writer(processes, path, kill, moments.uniform(0, 0.15))
        assert told <= stored <= told + 1
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    assert not [p for p in tmp_path.iterdir() if not p.name.startswith("records.db")]


def test_a_writer_killed_while_it_makes_the_store_leaves_a_store_or_none(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    moments = random.Random(0)
    for kill in range(5):
        folder = tmp_path / str(kill)
        path = folder / "records.db"
        child = processes.Process(
            target=write_until_killed, args=(str(path), kill, processes.Pipe(False)[1])
        )
        child.start()
        time.sleep(moments.uniform(0, 0.1))
        child.kill()
        child.join()
        with open_store(str(path), create=True) as store:
            store.put(record(7))
            assert record(7) in store.find()


def _kill_a_writer(
    processes: ForkServerContext, path: Path, writer: int, seconds: float
) -> tuple[int, int]:
    """How many records the writer said it stored before it was killed, and how many there are."""
    told, telling = processes.Pipe(duplex=False)
    child = processes.Process(target=write_until_killed, args=(str(path), writer, telling))
    child.start()
    telling.close()
    count = told.recv() + 1  # the store is there, and so is a first record
    time.sleep(seconds)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    try:
        while told.poll():
            count = told.recv() + 1
    except EOFError:
        pass
    with open_store(str(path)) as store:
        return count, sum(r.kernel == f"writer_{writer}" for r in store.find())
