"""Winograd's algorithms for Mali, on this machine's OpenCL device against float64."""

from __future__ import annotations

import pytest
from onnx import helper

from tests.cpu_kernels import random
from tests.devices.opencl import Algorithm, close

pytestmark = pytest.mark.usefixtures("programs")


@pytest.mark.parametrize(("algorithm", "size"), [("F(2x2)", (9, 10)), ("F(4x4)", (13, 11))])
def test_convolutions(algorithm: str, size: tuple[int, int]) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["p"]),
        helper.make_node("Conv", ["p", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    weights = {
        "v": random(8, 3, 1, 1, seed=1),
        "w": random(18, 8, 3, 3, seed=2),
        "b": random(18, seed=3),
    }
    inputs = {"x": random(2, 3, *size)}
    chosen = close(nodes, inputs, weights, knobs=Algorithm(algorithm))
    assert "winograd" in chosen.values()
