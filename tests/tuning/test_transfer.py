"""What other targets, shapes and seeds taught: where it is used, and where it is not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from tests.cpu_kernels import graph
from tests.tuning.test_session import HOST, CodeSize, Here
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.records.store import Store, open_store
from tvmedge.records.types import Record, Status
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.events import Event, Tried
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.space import Candidate, Space
from tvmedge.tuning.tasks import Task, Tasks, tasks_of
from tvmedge.tuning.transfer import SEEDS, Past

SIBLING = dataclasses.replace(HOST, name="sibling")


def _tasks(spec: TargetSpec, rows: int = 6, width: int = 48) -> Tasks:
    """A product of ``rows`` x 32 by 32 x ``width``."""
    weight = np.random.default_rng(0).uniform(-1, 1, (32, width)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    proto = graph(nodes, {"x": np.zeros((rows, 32), np.float32)}, {"w": weight}, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    return tasks_of(imported.module, spec, CodeSize.name)


def _tune(tasks: Tasks, spec: TargetSpec, store: Store, trials: int, **how: Any) -> list[float]:
    """The best after each trial."""
    best: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Tried) and event.best is not None:
            best.append(event.best)

    limits = Limits(trials, threshold=0.0)
    options = How(batch=4, limits=limits, **how)
    Session(("m", tasks), spec, CodeSize(), store, options, listen).run(Here(), Here())
    return best


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "records.db"), create=True)


def _record(task: Task, candidate: Candidate, cost: float | None, **facts: Any) -> Record:
    status = Status.FAILED if cost is None else Status.MEASURED
    record = Record(task.key, "kernel", candidate.rule, candidate.decisions, status, cost, "bytes")
    return dataclasses.replace(record, **facts)


def test_a_sibling_begins_with_what_was_best(store: Store, tmp_path: Path) -> None:
    learnt = _tune(_tasks(HOST), HOST, store, 16)
    warm = _tune(_tasks(SIBLING), SIBLING, store, 8)
    assert warm[-1] <= learnt[-1] < learnt[0] == warm[0]
    with open_store(str(tmp_path / "other.db"), create=True) as other:
        cold = _tune(_tasks(SIBLING), SIBLING, other, 8)
    with open_store(str(tmp_path / "again.db"), create=True) as again:
        again.put(*store.find())
        assert _tune(_tasks(SIBLING), SIBLING, again, 8, transfer=False) == cold


def test_what_a_session_stored_before_is_not_its_past(store: Store) -> None:
    """Else one that is resumed would go another way than one that was not stopped."""
    (task,) = _tasks(HOST).tasks
    space = Space(task.func, core_of(HOST))
    candidate = _other(space)
    store.put(_record(task, candidate, 5.0, seed=3))
    assert not Past.stored(store, [task.key], 3).of(task.key, space).rows
    assert Past.stored(store, [task.key], 4).of(task.key, space).seeds == (candidate,)
    assert Past.stored(store, [], 3).candidates == 1


def test_a_session_learns_from_its_other_kernels(store: Store) -> None:
    """Not from the kernel itself, whose search is told what became of its candidates."""
    (task,), (other,) = _tasks(HOST).tasks, _tasks(HOST, 12, 96).tasks
    space, there = (Space(one.func, core_of(HOST)) for one in (task, other))
    past = Past()
    past.note(_record(task, _other(space), 5.0))
    assert not past.of(task.key, space).rows
    past.note(_record(other, _other(there), 7.0))
    assert [row.cost for row in past.of(task.key, space).rows] == [7.0]
    assert past.of(task.key, space).seeds == (space.like(_other(there)),)
    assert past.candidates == 0


def test_what_was_wrong_is_not_tried_elsewhere(store: Store) -> None:
    (task,) = _tasks(SIBLING).tasks
    space = Space(task.func, core_of(HOST))
    store.put(_record(task, _other(space), None, status=Status.WRONG, reason="it is off"))
    assert Past.stored(store, [], 0).candidates == 0


def test_the_nearest_shapes_come_first(store: Store) -> None:
    """Decisions that fit as they are come from kernels nearer than those that have to change."""
    (task,) = _tasks(HOST).tasks
    space = Space(task.func, core_of(HOST))
    for rows, width in ((12, 96), (35, 80)):
        other, *_ = _tasks(HOST, rows, width).tasks
        there = Space(other.func, core_of(HOST))
        columns = max(divisor for divisor in range(1, 8) if rows % divisor == 0)
        wanted = Candidate("product", (("columns", columns), ("vectors", 1)))
        chosen = there.like(wanted)
        assert chosen is not None
        assert dict(chosen.decisions)["columns"] == columns
        store.put(_record(other, chosen, 10.0 + rows))
    history = Past.stored(store, [task.key], 0).of(task.key, space)
    assert [dict(row.candidate.decisions)["columns"] for row in history.rows] == [6, 7]
    # 7 rows do not divide 6.
    assert [dict(seed.decisions)["columns"] for seed in history.seeds] == [6, 6][
        : len(history.seeds)
    ]
    assert 1 <= len(history.seeds) <= SEEDS


def test_other_rules_teach_nothing(store: Store) -> None:
    (task,) = _tasks(HOST).tasks
    space = Space(task.func, core_of(HOST))
    other, *_ = _tasks(HOST, 12, 96).tasks
    store.put(_record(other, Candidate("window", (("rows", 2),)), 1.0))
    past = Past.stored(store, [], 0)
    assert past.candidates == 1
    assert past.of(task.key, space).rows == ()


def _other(space: Space) -> Candidate:
    """A candidate besides the untuned one."""
    rule, decisions = space.defaults[0].rule, dict(space.defaults[0].decisions)
    assert decisions["vectors"] != 1 or decisions["columns"] != 1
    found = space.like(Candidate(rule, tuple({**decisions, "vectors": 1, "columns": 1}.items())))
    assert found is not None
    assert found not in space.defaults
    return found
