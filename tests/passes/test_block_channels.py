"""What stays in blocks between convolutions, and what leaves them."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper

from tests.cpu_kernels import graph, random
from tvmedge.compiler.passes.blocked import BlockChannels
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting.core import Core

CORE = Core(8, 16)


def _moves(nodes: list[onnx.NodeProto], *, channels: int = 16) -> dict[str, int]:
    """How often the layout changes between a first and a last convolution."""
    x = {"x": random(1, channels, 8, 8)}
    weights = {"w": random(channels, channels, 1, 1), "v": random(channels, channels, 1, 1)}
    first = helper.make_node("Conv", ["x", "w"], ["a"])
    last = helper.make_node("Conv", ["z", "v"], ["y"])
    proto = graph([first, *nodes, last], x, weights, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    module = BlockChannels(CORE)(imported.module)
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
}


@pytest.mark.parametrize("name", STAY)
def test_the_layout_changes_at_the_ends_only(name: str) -> None:
    assert _moves(STAY[name]) == {"pack": 1, "unpack": 1}


def test_another_axis_leaves_the_blocks() -> None:
    turned = [helper.make_node("Transpose", ["a"], ["z"], perm=[0, 1, 3, 2])]
    assert _moves(turned) == {"pack": 2, "unpack": 2}


def test_what_may_become_infinite_in_a_ragged_block_leaves() -> None:
    powers = [helper.make_node("Log", ["a"], ["z"])]
    assert _moves(powers) == {"pack": 1, "unpack": 1}
    assert _moves(powers, channels=12) == {"pack": 2, "unpack": 2}
