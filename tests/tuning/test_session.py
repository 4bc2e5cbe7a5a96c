"""Sessions under a cost that is always the same: the bytes of the code."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from onnx import helper
from tvm import s_tir, te, tirx
from tvmedge.schedules.rules.cpu import RULES

from tests.cpu_kernels import graph
from tvmedge.errors import BoardError
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.records.store import Store, open_store
from tvmedge.records.types import Status
from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting import TargetSpec, target
from tvmedge.targeting.core import Core
from tvmedge.tuning import build
from tvmedge.tuning import session as sessions
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.source import CandidateError, Cost
from tvmedge.tuning.events import Event, EventLog, Tried, read_events
from tvmedge.tuning.session import EXHAUSTED, STOPPED, TRIALS, How, Limits, Session
from tvmedge.tuning.space import Candidate
from tvmedge.tuning.tasks import Tasks, tasks_of
from tvmedge.tuning.workers import WorkError

T = TypeVar("T")
HOST = target("host")


class CodeSize:
    """What flash memory is short of."""

    name = "code size"
    unit = "bytes"
    blind = "time"
    deterministic = True
    slots = 1

    def measure(self, candidate: BuiltCandidate) -> Cost:
        return Cost(float(len(candidate.code)), self.unit)

    def __enter__(self) -> CodeSize:
        return self

    def __exit__(self, *_: object) -> None: ...


class Here:
    """Builds and checks in this process, which has rules planted for the test."""

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(work(*args))
        except Exception as error:
            future.set_exception(WorkError(str(error)))
        return future

    def call(self, work: Callable[..., T], *args: Any, seconds: float) -> T:
        return work(*args)


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    """Those of ``tasks_of_products``."""
    return tasks_of_products()


def tasks_of_products(spec: TargetSpec = HOST) -> Tasks:
    """Two products, of which the larger runs twice, and what is between them."""
    chance = np.random.default_rng(0)
    weights = {
        name: chance.uniform(-1, 1, shape).astype(np.float32)
        for name, shape in {"v": (32, 48), "w": (48, 48), "u": (48, 48)}.items()
    }
    nodes = [
        helper.make_node("MatMul", ["x", "v"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w"], ["c"]),
        helper.make_node("MatMul", ["c", "u"], ["y"]),
    ]
    proto = graph(nodes, {"x": np.zeros((6, 32), np.float32)}, weights, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    return tasks_of(imported.module, spec, CodeSize.name)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "records.db"), create=True)


def _session(tasks: Tasks, store: Store, trials: int, **how: Any) -> Session:
    limits = Limits(trials, threshold=0.0)
    return Session(("m", tasks), HOST, CodeSize(), store, How(batch=4, limits=limits, **how))


def _run(session: Session) -> None:
    session.run(Here(), Here())


def test_equal_kernels_are_one_task(tasks: Tasks) -> None:
    assert sorted(task.calls for task in tasks.tasks) == [1, 2]
    assert not tasks.skipped


def test_nothing_tuned_costs_more_than_untuned(tasks: Tasks, store: Store, tmp_path: Path) -> None:
    with EventLog(tmp_path / "log.jsonl") as log:
        session = _session(tasks, store, 24)
        session._listen = log
        result = session.run(Here(), Here())
    assert (result.trials, result.because) == (24, TRIALS)
    assert result.best < result.untuned
    assert all(one.best <= one.untuned for one in result.tasks if one.best and one.untuned)
    events = read_events((tmp_path / "log.jsonl").read_bytes() + b'{"type":"tri')
    tried = [event for event in events if isinstance(event, Tried)]
    assert [event.trial for event in tried] == list(range(24))
    best = {event.workload: event.best for event in tried}
    for one in result.tasks:
        assert best[one.task.key.workload] == one.best
        stored = store.find()
        costs = [r.cost for r in stored if r.key == one.task.key and r.cost is not None]
        assert min(costs) == one.best


def test_what_is_resumed_ends_as_what_was_never_stopped(
    tasks: Tasks, store: Store, tmp_path: Path
) -> None:
    _run(_session(tasks, store, 20))
    with open_store(str(tmp_path / "other.db"), create=True) as other:
        for trials in (3, 11, 20):
            _run(_session(tasks, other, trials, resume=True))
        assert set(other.find()) == set(store.find())


class _Lucky(CodeSize):
    """Measures every candidate but the untuned ones too low, once."""

    deterministic = False

    def __init__(self) -> None:
        self.measured: list[str] = []

    def measure(self, candidate: BuiltCandidate) -> Cost:
        lucky = candidate.digest not in self.measured and bool(self.measured)
        self.measured.append(candidate.digest)
        return Cost(len(candidate.code) * (0.5 if lucky else 1.0), self.unit)


def test_luck_does_not_win(tasks: Tasks, store: Store) -> None:
    (product, *_) = (task for task in tasks.tasks if "dense" in task.kernels[0])
    limits = Limits(12, threshold=0.0)
    session = Session(
        ("m", Tasks((product,), {})), HOST, _Lucky(), store, How(batch=4, limits=limits)
    )
    result = session.run(Here(), Here())
    winner = min((r for r in store.find() if r.cost), key=lambda record: record.cost or 0)
    candidate = Candidate(winner.rule, winner.decisions)
    made = build.build(build.Job(build.as_text(product.func), HOST, candidate))
    assert result.tasks[0].best == winner.cost == len(made.code.code)


class _Placed(CodeSize):
    """Remembers what each candidate is among."""

    def __init__(self) -> None:
        self.between = set[int]()

    def measure(self, candidate: BuiltCandidate) -> Cost:
        self.between.add(candidate.between)
        return super().measure(candidate)


def test_candidates_are_measured_among_the_models_other_kernels(tasks: Tasks, store: Store) -> None:
    source, floats = _Placed(), {(6, 32), (6, 48), (32, 48), (48, 48)}
    Session(("m", tasks), HOST, source, store, How(limits=Limits(4))).run(Here(), Here())
    (between,) = source.between
    assert between >= 4 * sum(rows * columns for rows, columns in floats)


def test_what_a_model_touches_is_counted_up_to_twice_its_last_cache(tasks: Tasks) -> None:
    def spec(l3_kib: int | None) -> TargetSpec:
        cluster = replace(HOST.board.clusters["cpu"], l2_kib=1, l3_kib=l3_kib)
        return replace(HOST, board=replace(HOST.board, clusters={"cpu": cluster}))

    assert [tasks.between(spec(kib)) for kib in (None, 4)] == [2048, 8192]
    assert tasks.between(spec(1 << 20)) < 1 << 20


def test_another_seed_is_another_search(tasks: Tasks, store: Store, tmp_path: Path) -> None:
    _run(_session(tasks, store, 16))
    with open_store(str(tmp_path / "other.db"), create=True) as other:
        _run(_session(tasks, other, 16, seed=1))
        decisions = [{record.decisions for record in s.find()} for s in (store, other)]
    assert decisions[0] != decisions[1]


def test_stopped_it_ends_after_the_candidate_in_hand(tasks: Tasks, store: Store) -> None:
    session = _session(tasks, store, 1000)

    def stop_at_seven(event: Event) -> None:
        if isinstance(event, Tried) and event.trial == 6:
            session.stop.set()

    session._listen = stop_at_seven
    result = session.run(Here(), Here())
    assert (result.trials, result.because) == (7, STOPPED)
    assert store.count() == 7


def test_a_small_space_is_searched_to_its_end(store: Store) -> None:
    node = helper.make_node("Softmax", ["x"], ["y"])
    proto = graph([node], {"x": np.zeros((6, 40), np.float32)}, {}, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    result = _session(tasks_of(imported.module, HOST, CodeSize.name), store, 100).run(
        Here(), Here()
    )
    (one,) = result.tasks
    assert one.because == EXHAUSTED
    assert 3 <= one.trials < 20


class _Planted:
    """A rule with an answer that gives zeros, in the least code of all."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.name = inner.name

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        broken = knobs.pick("broken", (False, True), False)
        plan = self._inner.apply(func, core, knobs)
        if plan is None or not broken:
            return plan
        inputs = [te.placeholder(p.ty.shape, p.ty.dtype, "x") for p in func.params[:-1]]
        shape = [int(size) for size in func.params[-1].ty.shape]
        zeros = te.compute(shape, lambda *_: tirx.const(0.0, "float32"), name="y")
        return Plan(s_tir.Schedule(te.create_prim_func([*inputs, zeros])))


def test_a_wrong_schedule_is_stored_as_wrong_and_never_the_best(
    tasks: Tasks, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tuple(_Planted(rule) for rule in RULES if rule.name == "product")
    for place in (build, sessions):
        monkeypatch.setattr(place, "rules_of", lambda _: rules)
    result = _session(tasks, store, 40).run(Here(), Here())
    stored = store.find()
    wrong = [record for record in stored if record.status is Status.WRONG]
    assert wrong
    assert all(dict(record.decisions)["broken"] for record in wrong)
    assert all(record.cost is None and "off by" in record.reason for record in wrong)
    for one in result.tasks:
        best = min(
            (r for r in stored if r.key == one.task.key and r.cost is not None),
            key=lambda record: record.cost or 0,
        )
        assert best.cost == one.best
        assert not dict(best.decisions)["broken"]


class _Fails(CodeSize):
    """Crashes on every second candidate, and after ten the last board is gone."""

    def __init__(self) -> None:
        self.asked = 0

    def measure(self, candidate: BuiltCandidate) -> Cost:
        self.asked += 1
        if self.asked > 10:
            raise BoardError("No board is left.")
        if self.asked % 2 == 0:
            raise CandidateError("crashed")
        return super().measure(candidate)


def test_failures_are_stored_and_the_last_board_ends_it(tasks: Tasks, store: Store) -> None:
    session = Session(("m", tasks), HOST, _Fails(), store, How(limits=Limits(100, threshold=0.0)))
    with pytest.raises(BoardError):
        session.run(Here(), Here())
    failed = [record for record in store.find() if record.status is Status.FAILED]
    assert failed
    assert {record.reason for record in failed} == {"crashed"}
