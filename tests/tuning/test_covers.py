"""How sums are covered where no tile fits is asked before kernels are scheduled, and each answer
computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.cpu_kernels import CORES, Array, exact, graph, random
from tests.relax_runs import runner
from tests.tuning.test_session import HOST, CodeSize
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.knobs import Defaults, Tracing
from tvmedge.tuning.algorithms import Instead, most_options
from tvmedge.tuning.tasks import tasks_of

_CASES: dict[str, tuple[str, dict[str, object], Array, Array]] = {
    "strided": ("Conv", {"strides": [2, 2]}, random(1, 24, 27, 27), random(40, 24, 3, 3, seed=1)),
    "padded": ("Conv", {"pads": [2] * 4}, random(1, 16, 13, 13), random(48, 16, 5, 5, seed=1)),
    "product": ("MatMul", {}, random(13, 40), random(40, 112, seed=1)),
}


def _case(name: str) -> tuple[list[onnx.NodeProto], dict[str, Array], dict[str, Array]]:
    operator, attributes, data, weight = _CASES[name]
    return [helper.make_node(operator, ["x", "w"], ["y"], **attributes)], {"x": data}, {"w": weight}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[pytest.mark.slow] if c == "padded" else []) for c in _CASES]
)
def test_every_answer_computes_the_same(case: str, core: str) -> None:
    nodes, inputs, weights = _case(case)
    wanted = exact(nodes, inputs, weights, "y")
    proto = graph(nodes, inputs, weights, "y")
    module = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module
    asked = Tracing(Defaults())
    ways = [asked, *(Instead(place) for place in range(2))]
    for way in ways:
        (got,) = runner(module, CORES[core], None, way)(inputs.values())
        assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()
    for one in asked.asked:
        assert one.name.startswith("tile of ")
        assert one.default in one.options
    assert most_options(asked.asked) <= 3


def test_answers_are_tasks_of_their_own() -> None:
    nodes, inputs, weights = _case("product")
    proto = graph(nodes, inputs, weights, "y")
    module = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module
    tasks = tasks_of(module, HOST, CodeSize.name)
    (question,) = tasks.questions
    assert len(question.options) > 1
    made = [key for keys in question.options.values() for key in keys]
    assert len(set(made)) == len(question.options)
    assert {task.key for task in tasks.tasks} == set(made)
    assert [task.extra for task in tasks.tasks].count(False) == 1
