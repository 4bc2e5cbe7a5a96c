"""Schedules stored before an upgrade: what holds is measured again, what does not is said."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from tvmedge.schedules.rules.cpu import RULES

from tests.cpu_kernels import graph
from tests.tuning.test_session import HOST, CodeSize, Here, _Planted
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.records.store import Store, Wanted, open_store
from tvmedge.records.types import Record, Status
from tvmedge.tuning import build
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.source import Cost
from tvmedge.tuning.evaluate import Evaluator
from tvmedge.tuning.replay import replay
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.tasks import Tasks, tasks_of


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    weights = {"w": np.ones((32, 48), np.float32)}
    proto = graph([node], {"x": np.zeros((6, 32), np.float32)}, weights, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    return tasks_of(imported.module, HOST, CodeSize.name)


@pytest.fixture(scope="module")
def found(tasks: Tasks, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """What eight trials found with an older TVM."""
    place = tmp_path_factory.mktemp("found") / "records.db"
    with open_store(str(place), create=True) as store:
        how = How(limits=Limits(8, threshold=0.0))
        Session(("m", tasks), HOST, CodeSize(), store, how).run(Here(), Here())
        today = store.find()
    old = dataclasses.replace(today[0].key, toolchain="tvm 0.26")
    return [dataclasses.replace(r, key=old, cost=r.cost and r.cost + 1000) for r in today]


@pytest.fixture
def store(found: list[Record], tmp_path: Path) -> Store:
    store = open_store(str(tmp_path / "records.db"), create=True)
    store.put(*found)
    return store


def _replay(
    tasks: Tasks, store: Store, most: int, source: CodeSize | None = None
) -> list[tuple[str, float | None]]:
    evaluator = Evaluator(HOST, source or CodeSize(), (Here(), Here()), seed=0)
    done = replay(tasks, HOST, evaluator, store, most=most)
    for one in done:
        assert one.now.key == tasks.tasks[0].key
        assert one.now in store.find(Wanted(status=one.now.status))
    return [(one.now.status.value, one.now.cost) for one in done]


def test_what_holds_is_measured_again_under_todays_key(tasks: Tasks, store: Store) -> None:
    old = store.find()
    results = _replay(tasks, store, most=2)
    costs = [record.cost for record in old if record.cost is not None]
    untuned = next(record.cost for record in old if record.trial == 0)
    wanted = dict.fromkeys([untuned, *sorted(costs)[:2]])
    assert {cost for _, cost in results} == {cost - 1000 for cost in wanted if cost}
    assert set(old) <= set(store.find())  # the old ones stay, for those who still have it
    assert _replay(tasks, store, most=2) == results  # and again, from today's


def test_what_no_longer_builds_or_computes_right_is_stored_as_that(
    tasks: Tasks, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    best, second = store.find(Wanted(status=Status.MEASURED))[:2]
    store.remove(store.find())
    store.put(
        dataclasses.replace(best, decisions=(("gone", 1),), trial=3),
        dataclasses.replace(second, decisions=(("broken", True),), trial=4),
    )
    rules = tuple(_Planted(rule) for rule in RULES if rule.name == second.rule)
    monkeypatch.setattr(build, "rules_of", lambda _: rules)
    untuned, *others = _replay(tasks, store, most=4)
    assert sorted(others) == [("failed", None), ("wrong", None)]
    assert untuned[0] == "measured"  # today's is measured beside them, whatever is stored
    failed, wrong = sorted(record.reason for record in store.find() if record.cost is None)[::-1]
    assert failed == "the rule no longer asks for gone"
    assert wrong.startswith("is off by ")


def test_records_of_other_targets_and_costs_are_left_alone(tasks: Tasks, store: Store) -> None:
    (*_, last) = store.find()
    store.remove(store.find())
    pi = dataclasses.replace(last.key, target=f"raspberry-pi-5:{'0' * 64}")
    timed = dataclasses.replace(last.key, cost="wall-time local")
    store.put(*(dataclasses.replace(last, key=key) for key in (pi, timed)))
    assert _replay(tasks, store, most=4) == []


class _WarmingUp(CodeSize):
    """A clock that is three times slow at first."""

    deterministic = False

    def __init__(self, slow: int) -> None:
        self._slow = slow

    def measure(self, candidate: BuiltCandidate) -> Cost:
        self._slow -= 1
        cost = super().measure(candidate)
        return dataclasses.replace(cost, value=cost.value * 3) if self._slow >= 0 else cost


@pytest.mark.parametrize("slow", [2, 5])
def test_a_clock_that_drifts_does_not_change_the_order(
    tasks: Tasks, store: Store, slow: int
) -> None:
    """The untuned schedule is measured first, and must not seem slower for it."""
    assert _replay(tasks, store, 2, _WarmingUp(slow)) == _replay(tasks, store, 2)
