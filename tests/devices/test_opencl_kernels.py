"""Kernels for Mali, run on this machine's OpenCL device against float64."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.cpu_kernels import random
from tests.devices.opencl import Windows, close

pytestmark = pytest.mark.usefixtures("programs")


CONVOLUTIONS = st.builds(
    Windows,
    channels=st.integers(1, 20),
    outs=st.integers(1, 20),
    size=st.tuples(st.integers(3, 15), st.integers(3, 15)),
    window=st.sampled_from((1, 3)),
    stride=st.integers(1, 2),
)


@settings(max_examples=2, deadline=None)
@example(Windows(3, 16, (9, 10), 3, 2))
@example(Windows(16, 24, (7, 8), 1))
@given(CONVOLUTIONS)
def test_convolutions(made: Windows) -> None:
    assert "conv" in made.rules().values()


@pytest.mark.parametrize(
    ("nodes", "shape", "weights"),
    [
        ([("Conv", ["x", "w"], {"group": 12, "pads": [1] * 4})], (1, 12, 9, 10), (12, 1, 3, 3)),
        ([("Conv", ["x", "w"], {"group": 2})], (1, 8, 6, 6), (12, 4, 1, 1)),
        ([("MaxPool", ["x"], {"kernel_shape": [3, 3], "strides": [2, 2]})], (1, 8, 11, 11), None),
        ([("GlobalAveragePool", ["x"], {})], (1, 10, 7, 7), None),
        ([("MatMul", ["x", "w"], {})], (5, 33), (33, 18)),
        ([("Softmax", ["x"], {})], (3, 1001), None),
        ([("Transpose", ["x"], {"perm": [0, 2, 1]})], (2, 5, 9), None),
        ([("Sigmoid", ["x"], {})], (4, 8), None),
    ],
    ids=lambda value: value[0][0] if isinstance(value, list) else "",
)
def test_operators(nodes: list, shape: tuple, weights: tuple | None) -> None:
    made = [helper.make_node(op, inputs, ["y"], **options) for op, inputs, options in nodes]
    close(made, {"x": random(*shape)}, {"w": random(*weights, seed=3)} if weights else {})


def test_a_residual_block(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1] * 4),
        helper.make_node("Add", ["a", "x"], ["s"]),
        helper.make_node("Concat", ["s", "x"], ["t"], axis=1),
        helper.make_node("Conv", ["t", "v"], ["y"]),
    ]
    weights = {"w": random(8, 8, 3, 3, seed=1), "v": random(6, 16, 1, 1, seed=2)}
    close(nodes, {"x": random(1, 8, 12, 12)}, weights)


@pytest.mark.parametrize(
    ("kernel", "stride", "pads", "extra"), [(2, 2, 0, 0), (4, 2, 1, 0), (3, 2, 1, 1), (3, 1, 0, 0)]
)
def test_a_transposed_convolution(kernel: int, stride: int, pads: int, extra: int) -> None:
    options = {"strides": [stride] * 2, "pads": [pads] * 4, "output_padding": [extra] * 2}
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["p"]),
        helper.make_node("ConvTranspose", ["p", "w", "b"], ["c"], **options),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    weights = {
        "v": random(10, 3, 1, 1, seed=1),
        "w": random(10, 13, kernel, kernel, seed=2),
        "b": random(13, seed=3),
    }
    assert "transposed" in close(nodes, {"x": random(1, 3, 5, 6)}, weights).values()
