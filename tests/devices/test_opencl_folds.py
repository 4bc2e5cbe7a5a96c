"""Softmax, norms and reductions for Mali, on this machine's OpenCL device against float64."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.cpu_kernels import random
from tests.devices.opencl import close

pytestmark = pytest.mark.usefixtures("programs")


@pytest.mark.parametrize(
    ("operator", "shape", "options", "rule"),
    [
        ("Softmax", (3, 101), {"axis": -1}, "rows"),
        ("Softmax", (2, 9, 12), {"axis": 1}, "columns"),
        ("LayerNormalization", (70, 33), {}, "rows"),
        ("ReduceMean", (2, 7, 5, 8), {"axes": [1, 2]}, "columns"),
        ("ReduceMax", (3, 50), {"axes": [1]}, "rows"),
        ("ReduceSum", (4, 6, 10), {"axes": [0, 2]}, ""),
        ("ReduceL2", (2, 8192), {"axes": [1]}, "long sums"),
        ("ReduceL2", (1, 3, 9000), {"axes": [1, 2]}, "rows"),  # no rfactor
        ("ReduceMean", (1, 40, 60, 8), {"axes": [1, 2]}, "long sums"),
        ("ReduceMax", (2, 5003), {"axes": [1]}, "long sums"),
        ("Softmax", (2, 6000), {"axis": -1}, "long sums"),
        ("Softmax", (1, 4096, 8), {"axis": 1}, "long sums"),
        ("LayerNormalization", (3, 4099), {}, "long sums"),
    ],
)
def test_folds(operator: str, shape: tuple[int, ...], options: dict, rule: str) -> None:
    made, weights = dict(options), {}
    inputs = ["x"]
    if operator == "LayerNormalization":
        inputs += ["s", "b"]
        weights = {"s": random(shape[-1], seed=1), "b": random(shape[-1], seed=2)}
    elif "axes" in made:
        inputs, weights = ["x", "a"], {"a": np.array(made.pop("axes"), np.int64)}
    nodes = [helper.make_node(operator, inputs, ["y"], **made)]
    chosen = close(nodes, {"x": random(*shape)}, weights)
    assert not rule or rule in chosen.values()
