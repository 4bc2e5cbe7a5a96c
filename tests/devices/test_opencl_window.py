"""Depthwise convolutions and pools for Mali, on this machine's OpenCL device against float64."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.cpu_kernels import random
from tests.devices.opencl import Windows, close

pytestmark = pytest.mark.usefixtures("programs")


DEPTHWISE = st.builds(
    Windows,
    channels=st.just(3),
    outs=st.integers(2, 20),
    size=st.tuples(st.integers(5, 13), st.integers(5, 13)),
    window=st.sampled_from((3, 5)),
    stride=st.integers(1, 2),
    depthwise=st.just(True),
)


@settings(max_examples=2, deadline=None)
@example(Windows(3, 10, (9, 14), 3, 2, depthwise=True))
@example(Windows(3, 8, (7, 7), 5, depthwise=True))
@given(DEPTHWISE)
def test_depthwise(made: Windows) -> None:
    assert "window" in made.rules().values()


@pytest.mark.parametrize(
    ("operator", "options"),
    [
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}),
        ("AveragePool", {"kernel_shape": [2, 3], "strides": [1, 2]}),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1] * 4}),
    ],
)
def test_pools(operator: str, options: dict[str, list[int]]) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node(operator, ["c"], ["y"], **options),
    ]
    chosen = close(nodes, {"x": random(1, 5, 12, 11)}, {"w": random(9, 5, 1, 1, seed=1)})
    assert "window" in chosen.values()
