"""Images in blocks of channels where the size of the batch is open."""

from __future__ import annotations

import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.cpu_kernels import CORES, random
from tests.onnx_models import model, tensor
from tests.open_runs import imported
from tests.relax_runs import runner
from tvmedge.scheduling.engine import Choice
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5
NODES = [
    helper.make_node("Conv", ["x", "w_first"], ["a"], pads=[1] * 4, strides=[2, 2]),
    helper.make_node("HardSwish", ["a"], ["b"]),
    helper.make_node("Conv", ["b", "w_each"], ["c"], pads=[1] * 4, group=20),
    helper.make_node("Mul", ["c", "scale"], ["d"]),
    helper.make_node("Conv", ["d", "w_point"], ["e"]),
    helper.make_node("Add", ["e", "b"], ["f"]),
    helper.make_node("MaxPool", ["f"], ["g"], kernel_shape=[2, 2], strides=[2, 2]),
    helper.make_node("GlobalAveragePool", ["g"], ["h"]),
    helper.make_node("Flatten", ["h"], ["i"]),
    helper.make_node("Gemm", ["i", "w_last"], ["y"]),
]
CONSTANTS = {
    "w_first": random(20, 3, 3, 3),
    "w_each": random(20, 1, 3, 3, seed=1),
    "scale": random(20, 1, 1, seed=2),
    "w_point": random(20, 20, 1, 1, seed=3),
    "w_last": random(20, 10, seed=4),
}


@pytest.mark.parametrize("core", CORES)
def test_every_layer_has_its_rule_and_any_batch_its_result(core: str) -> None:
    proto = model(NODES, [tensor("x", ["N", 3, 18, 18])], [tensor("y", ["N", 10])], CONSTANTS)
    seen: dict[str, Choice] = {}
    run = runner(imported(proto).module, CORES[core], seen.update)
    for batch in (1, 3, 9):
        x = random(batch, 3, 18, 18, seed=9)
        (expected,) = ReferenceEvaluator(proto).run(None, {"x": x})
        (result,) = run([x])
        assert max_normalised_error(result, expected) <= CLOSE
    rules = {name.removeprefix("fused_").split("_")[0]: c.rule for name, c in seen.items()}
    wanted = {"conv": "conv", "conv1": "conv", "depthwise": "window", "max": "window"}
    assert rules | wanted | {"dense": "product"} == rules
