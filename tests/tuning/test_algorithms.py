"""Which algorithm a convolution runs by: asked, measured, stored, and applied by compile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tvm
from onnx import helper

from tests.cpu_kernels import graph
from tests.records.examples import key
from tests.tuning.test_session import HOST, CodeSize, Here
from tvmedge.compiler.pipelines import run_phases, unscheduled_kernels
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.records.store import open_store
from tvmedge.scheduling.recorded import Recorded
from tvmedge.scheduling.workload import hash_of
from tvmedge.targeting.core import core_of
from tvmedge.tuning.algorithms import Question, fastest
from tvmedge.tuning.evaluate import Evaluator
from tvmedge.tuning.replay import replay
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.tasks import tasks_of
from tvmedge.types import Winograd


@pytest.fixture(scope="module")
def module() -> tvm.IRModule:
    """One 3x3 convolution that is estimated to be fastest by Winograd's algorithm."""
    weight = np.random.default_rng(0).uniform(-1, 1, (32, 32, 3, 3)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    proto = graph([node], {"x": np.zeros((1, 32, 16, 16), np.float32)}, {"w": weight}, "y")
    return import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module


def test_every_answer_has_its_kernels(module: tvm.IRModule) -> None:
    tasks = tasks_of(module, HOST, CodeSize.name)
    (question,) = tasks.questions
    assert question.default.startswith("F(")
    assert {"direct", question.default} < set(question.options)
    keys = {task.key for task in tasks.tasks}
    assert all(len(made) == 1 and set(made) <= keys for made in question.options.values())
    extra = {task.key for task in tasks.tasks if task.extra}
    assert extra.isdisjoint(question.options[question.default])


def test_an_algorithm_that_is_not_allowed_is_no_answer(module: tvm.IRModule) -> None:
    (question,) = tasks_of(module, HOST, CodeSize.name, Winograd.F2).questions
    assert not any(option.startswith("F(4") for option in question.options)
    assert tasks_of(module, HOST, CodeSize.name, Winograd.OFF).questions == ()


def test_what_costs_least_is_what_compile_takes(module: tvm.IRModule, tmp_path: Path) -> None:
    tasks = tasks_of(module, HOST, CodeSize.name)
    (question,) = tasks.questions
    with open_store(str(tmp_path / "records.db"), create=True) as store:
        how = How(limits=Limits(len(tasks.tasks) + 4))
        result = Session(("m", tasks), HOST, CodeSize(), store, how).run(Here(), Here())
        assert result.best < result.untuned
        stored = [record for record in store.find() if record.kernel == question.text]
        assert len(stored) == len(question.options)
        best = min(stored, key=lambda record: record.cost or 0)
        answer = str(best.decisions[0][1])
        assert answer != question.default  # or this shows nothing
        recorded = Recorded((store,), HOST)
        with tvm.target.Target(dict(HOST.tvm)), tvm.transform.PassContext(opt_level=3):
            phases = unscheduled_kernels(core_of(HOST), knobs=recorded)
            made = run_phases(phases, module)
    assert recorded.applied({}).answers[question.text].decisions == (("answer", answer),)
    workloads = {hash_of(f) for f in made.functions.values() if isinstance(f, tvm.tirx.PrimFunc)}
    assert question.options[answer][0].workload in workloads
    assert question.options[question.default][0].workload not in workloads


@pytest.mark.slow
def test_a_replay_answers_again(module: tvm.IRModule, tmp_path: Path) -> None:
    tasks = tasks_of(module, HOST, CodeSize.name)
    (question,) = tasks.questions
    with open_store(str(tmp_path / "records.db"), create=True) as store:
        how = How(limits=Limits(len(tasks.tasks)))
        Session(("m", tasks), HOST, CodeSize(), store, how).run(Here(), Here())
        stored = [record for record in store.find() if record.kernel == question.text]
        store.remove(stored)
        replay(tasks, HOST, Evaluator(HOST, CodeSize(), (Here(), Here()), seed=0), store, most=1)
        again = [record for record in store.find() if record.kernel == question.text]
    assert len(stored) > 1
    assert again == stored


@pytest.mark.parametrize(("cost", "wanted"), [("wall-time local", "direct"), ("cycles", "F(4x4)")])
def test_an_answer_that_a_clock_calls_hardly_faster_is_not_taken(cost: str, wanted: str) -> None:
    question = Question("q", key(cost=cost), "direct", {"direct": (), "F(4x4)": ()})
    assert fastest(question, {"direct": 1.0, "F(4x4)": 0.995}) == wanted
    assert fastest(question, {"direct": 1.0, "F(4x4)": 0.98}) == "F(4x4)"
