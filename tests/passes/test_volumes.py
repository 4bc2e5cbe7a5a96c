"""Convolutions and pools over volumes [N, C, D, H, W], as images of D * H rows in blocks."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5


# Planes so narrow that several rows would fit a tile.
NARROW = {
    "kernel": [1, 1, 1],
    "sizes": [6, 5, 5],
    "ins": 1,
    "outs": 16,
    "attributes": {"pads": [0] * 6, "strides": [1, 2, 1], "dilations": [1] * 3},
}


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    """Sizes and attributes of a convolution that has an output."""
    kernel = [draw(st.sampled_from([1, 2, 3])) for _ in range(3)]
    sizes = [draw(st.integers(5, 9)) for _ in range(3)]
    return {
        "kernel": kernel,
        "sizes": sizes,
        "ins": draw(st.sampled_from([1, 3, 16, 21])),
        "outs": draw(st.sampled_from([1, 16, 40])),
        "attributes": {
            "pads": [draw(st.integers(0, size // 2)) for size in kernel * 2],
            "strides": [draw(st.sampled_from([1, 2])) for _ in range(3)],
            "dilations": [draw(st.sampled_from([1, 2])) for _ in range(3)],
        },
    }


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=2, deadline=None)
@given(case=convolutions(), depthwise=st.booleans())
@example(case=NARROW, depthwise=False)
def test_convolutions_of_volumes(core: str, case: dict[str, Any], depthwise: bool) -> None:
    groups, outs = (case["ins"], case["ins"]) if depthwise else (1, case["outs"])
    x = {"x": random(2, case["ins"], *case["sizes"])}
    weights = {
        "w": random(outs, case["ins"] // groups, *case["kernel"], seed=1),
        "b": random(outs, seed=2),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], group=groups, **case["attributes"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    wanted = "window" if depthwise and case["ins"] > 1 else "conv"
    assert wanted in {choice.rule for choice in choices.values()}


POOLS = [
    helper.make_node(
        "MaxPool", ["a"], ["z"], kernel_shape=[3, 3, 3], pads=[1] * 6, strides=[2] * 3
    ),
    helper.make_node("AveragePool", ["a"], ["z"], kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
    helper.make_node("GlobalAveragePool", ["a"], ["z"]),
]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("pool", POOLS, ids=lambda node: node.op_type)
def test_pools_of_volumes_stay_in_blocks(core: str, pool: onnx.NodeProto) -> None:
    x = {"x": random(1, 20, 4, 5, 6)}
    weights = {"w": random(20, 20, 1, 1, 1, seed=1), "v": random(20, 20, 1, 1, 1, seed=2)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        pool,
        helper.make_node("Conv", ["z", "v"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    assert sum("unpack" in kernel for kernel in choices) <= 1  # of the result only


def test_what_is_added_along_the_depth_alone_leaves_the_blocks() -> None:
    x, weights = {"x": random(1, 16, 4, 5, 6)}, {"w": random(16, 16, 1, 1, 1, seed=1)}
    weights["d"] = random(1, 16, 4, 1, 1, seed=2)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Add", ["a", "d"], ["y"]),
    ]
    result, _ = compiled(graph(nodes, x, weights, "y"), x, CORES["avx2"])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
