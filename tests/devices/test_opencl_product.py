"""Matrix products for Mali, on this machine's OpenCL device against float64."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.cpu_kernels import random
from tests.devices.opencl import close

pytestmark = pytest.mark.usefixtures("programs")


@settings(max_examples=2, deadline=None)
@example(rows=1, depth=2048, columns=10)
@example(rows=3, depth=8, columns=5)
@example(rows=7, depth=33, columns=18)
@given(rows=st.integers(1, 9), depth=st.integers(1, 70), columns=st.integers(1, 40))
def test_dense(rows: int, depth: int, columns: int) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["c"]),
        helper.make_node("Add", ["c", "b"], ["y"]),
    ]
    weights = {"w": random(depth, columns, seed=1), "b": random(columns, seed=2)}
    assert "product" in close(nodes, {"x": random(rows, depth)}, weights).values()


@pytest.mark.parametrize(
    ("left", "right"), [((2, 3, 9, 12), (2, 3, 12, 8)), ((1, 5, 1, 64), (1, 5, 64, 9))]
)
def test_batches(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    nodes = [helper.make_node("MatMul", ["x", "z"], ["y"])]
    close(nodes, {"x": random(*left), "z": random(*right, seed=1)}, {})
