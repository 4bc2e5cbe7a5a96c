"""Images in blocks of channels where the batch, or height and width are open."""

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


FIXED = {"conv": "conv", "conv1": "conv", "depthwise": "window", "max": "window"}
OPEN = FIXED | {"depthwise": "open-window", "max": "open-window"}
SIZES = [((1, 18, 18), (3, 18, 18), (9, 18, 18)), ((1, 18, 18), (2, 7, 64), (1, 33, 21))]


FIXED_CASE = (["N", 3, 18, 18], SIZES[0], FIXED)
OPEN_CASE = (["N", 3, "H", "W"], SIZES[1], OPEN)
CASES = [
    *(pytest.param(core, *FIXED_CASE, id=f"batch-{core}") for core in CORES),
    *(pytest.param(core, *OPEN_CASE, id=f"image-{core}") for core in ("avx512", "neon")),
    *(
        pytest.param(core, *OPEN_CASE, id=f"image-{core}", marks=pytest.mark.slow)
        for core in ("avx2", "armv7")
    ),
]


@pytest.mark.parametrize(("core", "shape", "sizes", "wanted"), CASES)
def test_every_layer_has_its_rule_and_any_size_its_result(
    core: str,
    shape: list[int | str],
    sizes: tuple[tuple[int, int, int], ...],
    wanted: dict[str, str],
) -> None:
    proto = model(NODES, [tensor("x", shape)], [tensor("y", ["N", 10])], CONSTANTS)
    seen: dict[str, Choice] = {}
    run = runner(imported(proto).module, CORES[core], seen.update)
    for batch, height, width in sizes:
        x = random(batch, 3, height, width, seed=9)
        (expected,) = ReferenceEvaluator(proto).run(None, {"x": x})
        (result,) = run([x])
        assert max_normalised_error(result, expected) <= CLOSE
    rules = {name.removeprefix("fused_").split("_")[0]: c.rule for name, c in seen.items()}
    assert rules | wanted | {"dense": "product"} == rules
