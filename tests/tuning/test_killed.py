"""A search that is killed again and again loses nothing, and ends where one that was not ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from tests.cpu_kernels import graph
from tests.tuning.test_session import HOST, CodeSize, Here
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.records.store import open_store
from tvmedge.tuning.events import EventLog
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.tasks import tasks_of


def search(place: str, log: str, trials: int) -> None:
    """Tune a small model as far as ``trials``, going on from what is stored."""
    weights = {"v": np.ones((32, 48), np.float32), "w": np.ones((48, 64), np.float32)}
    nodes = [
        helper.make_node("MatMul", ["x", "v"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["y"]),
    ]
    proto = graph(nodes, {"x": np.zeros((6, 32), np.float32)}, weights, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    tasks = tasks_of(imported.module, HOST, CodeSize.name)
    how = How(batch=4, resume=True, limits=Limits(trials, threshold=0.0))
    with open_store(place, create=True) as store, EventLog(Path(log)) as listen:
        Session(("m", tasks), HOST, CodeSize(), store, how, listen).run(Here(), Here())


@pytest.mark.parametrize(
    ("kills", "trials"),
    [(2, 10), pytest.param(50, 100, marks=pytest.mark.slow)],
    ids=["some", "fifty"],
)
def test_killed_at_random_moments(tmp_path: Path, kills: int, trials: int) -> None:
    chance = random.Random(kills)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.tuning.test_killed"])
    place, whole = tmp_path / "killed.db", tmp_path / "whole.db"
    for kill in range(kills):
        log = tmp_path / f"{kill}.jsonl"
        child = processes.Process(target=search, args=(str(place), str(log), trials))
        child.start()
        before = _stored(place)
        with _killed_later(child):
            _wait_for(child, log, before + chance.randrange(3))
            time.sleep(chance.uniform(0, 0.1))
        assert child.exitcode == -signal.SIGKILL
        # Each event is written once its record is on disk.
        assert max(before, _tried(log)) <= _stored(place) <= max(before, _tried(log)) + 1
    search(str(place), str(tmp_path / "last.jsonl"), trials)
    search(str(whole), str(tmp_path / "whole.jsonl"), trials)
    with open_store(str(place)) as killed, open_store(str(whole)) as unharmed:
        assert killed.find() == unharmed.find()
        assert killed.count() == trials


@contextlib.contextmanager
def _killed_later(child: BaseProcess) -> Iterator[None]:
    try:
        yield
    finally:
        child.kill()
        child.join()


def _wait_for(child: BaseProcess, log: Path, tried: int) -> None:
    while _tried(log) < tried or not log.exists():
        assert child.is_alive()
        time.sleep(0.005)


def _tried(log: Path) -> int:
    return log.read_bytes().count(b'"type":"tried"') if log.exists() else 0


def _stored(place: Path) -> int:
    """How many records there are, in a store that is whole."""
    if not place.exists():
        return 0
    with contextlib.closing(sqlite3.connect(place)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("SELECT count(*) FROM tvmedge_records").fetchone()[0])
