"""The tiles that rules take by default, and that what they compute is right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from onnx import helper
from tvmedge.schedules.rules.cpu.tiles import Room, image_tile

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tvmedge.tensors import max_normalised_error

TWO = CORES["avx512"]
ONE = replace(TWO, fused=1)


@pytest.mark.parametrize("products", [16, 64, 256, 1024])
def test_few_sums_keep_one_multiply_add_a_cycle_busy(products: int) -> None:
    tile = image_tile(ONE, 8, 28, 28, Room(products=products, fused=1))
    assert tile.vectors == 1 and tile.columns in (7, 14) and tile.rows == 1
    assert tile.peak == 1.0


def test_two_a_cycle_share_weights_among_more_sums() -> None:
    assert image_tile(TWO, 8, 28, 28, Room(products=256)).sizes == (2, 1, 7)


def test_the_expected_share_is_of_what_the_core_starts() -> None:
    waits = Room(products=256)  # one sum waits for itself, whatever the core starts
    assert image_tile(ONE, 1, 1, 1, waits).peak == 2 * image_tile(TWO, 1, 1, 1, waits).peak < 1


@pytest.mark.parametrize(("channels", "tile"), [(64, "1 vectors x 1x7"), (3, "2 vectors x 1x7")])
def test_a_first_layer_goes_as_if_there_were_two(channels: int, tile: str) -> None:
    x = {"x": random(1, channels, 28, 28)}
    weights = {"w": random(128, channels, 1, 1, seed=1)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, ONE)
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= 1e-5
    assert tile in {choice.tile for choice in choices.values()}
