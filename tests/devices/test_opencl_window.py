"""Depthwise convolutions and pools for Mali, on this machine's OpenCL device against float64."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.cpu_kernels import random
from tests.devices.opencl import close

pytestmark = pytest.mark.usefixtures("programs")


@settings(max_examples=2, deadline=None)
@example(channels=10, rows=9, columns=14, window=3, stride=2)
@example(channels=8, rows=7, columns=7, window=5, stride=1)
@given(
    channels=st.integers(2, 20),
    rows=st.integers(5, 13),
    columns=st.integers(5, 13),
    window=st.sampled_from((3, 5)),
    stride=st.integers(1, 2),
)
def test_depthwise(channels: int, rows: int, columns: int, window: int, stride: int) -> None:
    pads, strides = [window // 2] * 4, [stride] * 2
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["p"]),
        helper.make_node("Conv", ["p", "w"], ["c"], group=channels, pads=pads, strides=strides),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    weights = {
        "v": random(channels, 3, 1, 1, seed=1),
        "w": random(channels, 1, window, window, seed=2),
    }
    assert "window" in close(nodes, {"x": random(1, 3, rows, columns)}, weights).values()


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
