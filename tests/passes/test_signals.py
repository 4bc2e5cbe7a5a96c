"""Convolutions and pools over signals [N, C, W], as images of one row in blocks."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, int]:
    """Sizes and attributes of a convolution that has an output."""
    kernel, dilation = draw(st.sampled_from([1, 3, 5, 40])), draw(st.sampled_from([1, 3]))
    pads = draw(st.tuples(st.integers(0, kernel // 2), st.integers(0, kernel // 2)))
    least = max(1, (kernel - 1) * dilation + 1 - sum(pads))
    return {
        "kernel": kernel,
        "dilation": dilation,
        "left": pads[0],
        "right": pads[1],
        "stride": draw(st.sampled_from([1, 2, 7])),
        "width": draw(st.integers(least, least + 40)),
        "ins": draw(st.sampled_from([1, 3, 16, 21])),
        "outs": draw(st.sampled_from([1, 16, 40])),
        "batch": draw(st.sampled_from([1, 2])),
    }


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=2, deadline=None)
@given(case=convolutions(), depthwise=st.booleans())
def test_convolutions_of_signals(core: str, case: dict[str, int], depthwise: bool) -> None:
    groups, outs = (case["ins"], case["ins"]) if depthwise else (1, case["outs"])
    x = {"x": random(case["batch"], case["ins"], case["width"])}
    weights = {
        "w": random(outs, case["ins"] // groups, case["kernel"], seed=1),
        "b": random(outs, seed=2),
        "k": random(1, outs, 1, seed=3),
    }
    attributes = {
        "pads": [case["left"], case["right"]],
        "strides": [case["stride"]],
        "dilations": [case["dilation"]],
        "group": groups,
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], **attributes),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Mul", ["r", "k"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    wanted = "window" if depthwise and case["ins"] > 1 else "conv"
    assert wanted in {choice.rule for choice in choices.values()}


POOLS = [
    helper.make_node("MaxPool", ["a"], ["z"], kernel_shape=[3], strides=[2], pads=[1, 1]),
    helper.make_node("AveragePool", ["a"], ["z"], kernel_shape=[3], pads=[1, 1]),
    helper.make_node("GlobalAveragePool", ["a"], ["z"]),
]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("pool", POOLS, ids=lambda node: node.op_type)
def test_pools_of_signals_stay_in_blocks(core: str, pool: onnx.NodeProto) -> None:
    x = {"x": random(1, 20, 13)}
    weights = {"w": random(20, 20, 3, seed=1), "v": random(20, 20, 1, seed=2)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        pool,
        helper.make_node("Conv", ["z", "v"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    assert sum("unpack" in kernel for kernel in choices) <= 1  # of the result only


def test_axes_of_one_come_and_go_in_blocks() -> None:
    """Signals that exporters made images of for a while."""
    x, weights = {"x": random(2, 24, 30)}, {"w": random(24, 24, 3, 1), "b": random(1, 24, 1)}
    nodes = [
        helper.make_node("Constant", [], ["tall"], value_ints=[2, 24, 30, 1]),
        helper.make_node("Constant", [], ["flat"], value_ints=[2, 24, 30]),
        helper.make_node("Reshape", ["x", "tall"], ["i"]),
        helper.make_node("Conv", ["i", "w"], ["c"], pads=[1, 0, 1, 0]),
        helper.make_node("Reshape", ["c", "flat"], ["s"]),
        helper.make_node("Add", ["s", "b"], ["t"]),
        helper.make_node("Reshape", ["t", "tall"], ["u"]),
        helper.make_node("Conv", ["u", "w"], ["y"], pads=[1, 0, 1, 0]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES["avx2"])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    assert sum("unpack" in kernel for kernel in choices) == 1
