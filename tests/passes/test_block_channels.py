"""What stays in blocks between convolutions, and what leaves them."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper
from tvm.relax import transform

from tests.cpu_kernels import graph, random
from tvmedge.compiler.passes.blocked import BlockChannels
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting.core import Core

CORE = Core(8, 16)


def _moves(
    nodes: list[onnx.NodeProto], *, channels: int = 16, between: int | None = None
) -> dict[str, int]:
    """How often the layout changes between a first and a last convolution."""
    x = {"x": random(1, channels, 8, 8)}
    weights = {
        "w": random(channels, channels, 1, 1),
        "v": random(4, between or channels, 1, 1),
    }
    first = helper.make_node("Conv", ["x", "w"], ["a"])
    last = helper.make_node("Conv", ["z", "v"], ["y"])
    proto = graph([first, *nodes, last], x, weights, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    module = transform.DeadCodeElimination()(BlockChannels(CORE)(imported.module))
    calls = [
        binding.value.args[0].name_hint.rstrip("0123456789")
        for block in module["main"].body.blocks
        for binding in block.bindings
        if getattr(getattr(binding.value, "op", None), "name", "") == "relax.call_tir"
    ]
    return {name: calls.count(name) for name in ("pack", "unpack")}


STAY = {
    "relu": [helper.make_node("Relu", ["a"], ["z"])],
    "residual": [
        helper.make_node("Sigmoid", ["a"], ["s"]),
        helper.make_node("Mul", ["a", "s"], ["z"]),
    ],
    "max pool": [helper.make_node("MaxPool", ["a"], ["z"], kernel_shape=[3, 3], pads=[1] * 4)],
    "average pool": [helper.make_node("AveragePool", ["a"], ["z"], kernel_shape=[2, 2])],
    "channel scale": [
        helper.make_node("GlobalAveragePool", ["a"], ["p"]),
        helper.make_node("Mul", ["a", "p"], ["z"]),
    ],
    "resize by a whole factor": [
        helper.make_node("Constant", [], ["by"], value_floats=[1.0, 1.0, 2.0, 3.0]),
        helper.make_node("Resize", ["a", "", "by"], ["z"], mode="nearest"),
    ],
    "resize": [
        helper.make_node("Constant", [], ["to"], value_ints=[1, 16, 5, 11]),
        helper.make_node("Resize", ["a", "", "", "to"], ["z"], mode="linear"),
    ],
    "every other pixel": [
        helper.make_node("Constant", [], ["first"], value_ints=[1, 0]),
        helper.make_node("Constant", [], ["last"], value_ints=[8, 7]),
        helper.make_node("Constant", [], ["along"], value_ints=[2, 3]),
        helper.make_node("Constant", [], ["step"], value_ints=[2, 1]),
        helper.make_node("Slice", ["a", "first", "last", "along", "step"], ["z"]),
    ],
}

RAGGED = {
    "split": (
        5,
        [
            helper.make_node("Constant", [], ["sizes"], value_ints=[7, 5]),
            helper.make_node("Split", ["a", "sizes"], ["b", "z"], axis=1),
        ],
    ),
    "concat": (
        36,
        [
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Concat", ["b", "a", "b"], ["z"], axis=1),
        ],
    ),
    "channel shuffle": (
        12,
        [
            helper.make_node("Constant", [], ["parted"], value_ints=[1, 2, 6, 8, 8]),
            helper.make_node("Constant", [], ["whole"], value_ints=[1, 12, 8, 8]),
            helper.make_node("Reshape", ["a", "parted"], ["p"]),
            helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 1, 3, 4]),
            helper.make_node("Reshape", ["t", "whole"], ["z"]),
        ],
    ),
}


@pytest.mark.parametrize("name", STAY)
def test_the_layout_changes_at_the_ends_only(name: str) -> None:
    assert _moves(STAY[name]) == {"pack": 1, "unpack": 1}


@pytest.mark.parametrize("name", RAGGED)
def test_ragged_channels_stay(name: str) -> None:
    between, nodes = RAGGED[name]
    assert _moves(nodes, channels=12, between=between) == {"pack": 1, "unpack": 1}


def test_another_axis_leaves_the_blocks() -> None:
    turned = [helper.make_node("Transpose", ["a"], ["z"], perm=[0, 1, 3, 2])]
    assert _moves(turned) == {"pack": 2, "unpack": 2}


def test_what_may_become_infinite_in_a_ragged_block_leaves() -> None:
    powers = [helper.make_node("Log", ["a"], ["z"])]
    assert _moves(powers) == {"pack": 1, "unpack": 1}
    assert _moves(powers, channels=12) == {"pack": 2, "unpack": 2}
