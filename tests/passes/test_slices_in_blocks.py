"""Parts and enlargements of images in blocks, against float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import NodeProto, helper

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5


def _check(
    core: str, channels: int, left: int, nodes: list[NodeProto], **constants: object
) -> None:
    """``nodes`` from "a" to "z" (of ``left`` channels) between two convolutions."""
    x = {"x": random(2, 5, 6, 7)}
    weights = {
        "w": random(channels, 5, 1, 1, seed=1),
        "v": random(3, left, 1, 1, seed=2),
        **{name: np.asarray(value) for name, value in constants.items()},
    }
    first = helper.make_node("Conv", ["x", "w"], ["a"])
    chain = [first, *nodes, helper.make_node("Conv", ["z", "v"], ["y"])]
    result, choices = compiled(graph(chain, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(chain, x, weights, "y")) <= CLOSE
    assert not any(name.startswith("unpack") for name in list(choices)[:-1] if "conv" not in name)


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=3, deadline=None)
@given(channels=st.integers(2, 40), data=st.data())
def test_channels(core: str, channels: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, channels - 1))
    last = data.draw(st.integers(first + 1, channels))
    cut = helper.make_node("Slice", ["a", "first", "last", "axis"], ["z"])
    _check(core, channels, last - first, [cut], first=[first], last=[last], axis=[1])


@pytest.mark.parametrize("core", CORES)
def test_split(core: str) -> None:
    nodes = [
        helper.make_node("Split", ["a", "sizes"], ["b", "c", "d"], axis=1),
        helper.make_node("Add", ["b", "d"], ["z"]),
    ]
    _check(core, 29, 12, nodes, sizes=[12, 5, 12])


@pytest.mark.parametrize("core", CORES)
def test_every_other_pixel(core: str) -> None:
    cut = helper.make_node("Slice", ["a", "first", "last", "axes", "steps"], ["z"])
    chosen = {"first": [-5, 0], "last": [6, 6], "axes": [2, 3], "steps": [2, 3]}
    _check(core, 20, 20, [cut], **chosen)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("size", [(12, 21), (9, 5)])
@pytest.mark.parametrize("core", CORES)
def test_resize(core: str, size: tuple[int, int], mode: str) -> None:
    resize = helper.make_node("Resize", ["a", "", "", "to"], ["z"], mode=mode)
    _check(core, 20, 20, [resize], to=[2, 20, *size])
