"""Transposed convolutions against float64, over shapes and cores."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.cpu_kernels import CORES, Array, compiled, exact, graph, random
from tvmedge.scheduling.engine import Choice
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5
Case = dict[str, int]


@st.composite
def transposed(draw: st.DrawFn) -> Case:
    """Sizes and attributes of a transposed convolution that has an output."""
    kernel, stride = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    return {
        "kernel": kernel,
        "stride": stride,
        "front": draw(st.integers(0, kernel - 1)),
        "back": draw(st.integers(0, kernel - 1)),
        "extra": draw(st.integers(0, stride - 1)),
        "size": draw(st.integers(6, 20)),
        "ins": draw(st.sampled_from([1, 8, 20])),
        "outs": draw(st.sampled_from([1, 3, 16, 24])),
    }


def _run(core: str, case: Case, axes: int) -> tuple[Array, Array, dict[str, Choice]]:
    x = {"x": random(2, case["ins"], *[case["size"] - i for i in range(axes)])}
    groups = case.get("groups", 1)
    weights = {
        "w": random(case["ins"], case["outs"] // groups, *[case["kernel"]] * axes, seed=1),
        "b": random(case["outs"], seed=2),
        "k": random(1, case["outs"], *[1] * axes, seed=3),
    }
    attributes = {
        "pads": [case["front"]] * axes + [case["back"]] * axes,
        "strides": [case["stride"]] * axes,
        "output_padding": [case["extra"]] * axes,
    }
    nodes = _nodes(attributes | {"group": groups})
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    return result, _expected(_nodes(attributes), x, weights, groups), choices


def _nodes(attributes: dict[str, Any]) -> list[onnx.NodeProto]:
    return [
        helper.make_node("ConvTranspose", ["x", "w", "b"], ["c"], **attributes),
        helper.make_node("Mul", ["c", "k"], ["m"]),
        helper.make_node("Relu", ["m"], ["y"]),
    ]


def _expected(
    nodes: list[onnx.NodeProto], x: dict[str, Array], weights: dict[str, Array], groups: int
) -> Array:
    """Each group by itself: ONNX's evaluator knows transposed convolutions of one group."""
    outs = len(weights["b"]) // groups
    parts = []
    for group in range(groups):
        own = slice(group * outs, (group + 1) * outs)
        some = {
            "w": np.split(weights["w"], groups)[group],
            "b": weights["b"][own],
            "k": weights["k"][:, own],
        }
        parts.append(exact(nodes, {"x": np.split(x["x"], groups, axis=1)[group]}, some, "y"))
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=2, deadline=None)
@given(case=transposed(), axes=st.sampled_from([1, 2]))
def test_transposed_convolutions_of_any_shape(core: str, case: Case, axes: int) -> None:
    result, expected, choices = _run(core, case, axes)
    rules = {choice.rule for choice in choices.values()}
    # A phase of 3x3 may be one of Winograd's, whose rounding is larger.
    assert max_normalised_error(result, expected) <= (5e-5 if "winograd" in rules else CLOSE)
    assert {"conv", "transposed", "winograd"} & rules


COMMON = {"front": 0, "back": 0, "extra": 0, "size": 9, "ins": 24, "outs": 24, "stride": 2}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"kernel": 2}, "transposed"),
        ({"kernel": 4, "front": 1, "back": 1}, "transposed"),
        ({"kernel": 3, "front": 1, "back": 1, "extra": 1}, "transposed"),
        ({"kernel": 5}, "transposed"),  # some columns of the last phase are dropped
        ({"kernel": 2, "outs": 1}, "conv"),
        ({"kernel": 4, "outs": 1}, "conv"),
        ({"kernel": 4, "front": 1, "back": 1, "groups": 24}, "conv"),
        ({"kernel": 3, "front": 1, "back": 1, "outs": 12, "groups": 3}, "conv"),
    ],
)
def test_common_forms(core: str, change: Case, rule: str) -> None:
    result, expected, choices = _run(core, COMMON | change, 2)
    assert max_normalised_error(result, expected) <= CLOSE
    assert rule in {choice.rule for choice in choices.values()}
    assert sum(choice.rule == "last" for choice in choices.values()) <= 2  # layouts alone
