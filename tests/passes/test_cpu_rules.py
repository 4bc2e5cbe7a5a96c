"""Scheduled kernels against float64, over shapes and cores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from tvm import tirx
from tvmedge.schedules.rules.cpu.conv import Conv
from tvmedge.schedules.rules.cpu.move import Move
from tvmedge.schedules.steps.blocks import has

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tvmedge.compiler.pipelines import run_phases, unscheduled_kernels
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.knobs import Defaults, Tracing
from tvmedge.tensors import max_normalised_error

# Rounding of float32 sums in any order.
CLOSE = 1e-5


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, int]:
    """Sizes and attributes of a convolution that has an output."""
    kernel, dilation = draw(st.sampled_from([1, 2, 3, 5, 7])), draw(st.sampled_from([1, 2]))
    reach = (kernel - 1) * dilation + 1
    pad = draw(st.integers(0, kernel // 2 * dilation))
    least = max(1, reach - 2 * pad)
    return {
        "kernel": kernel,
        "dilation": dilation,
        "pad": pad,
        "stride": draw(st.sampled_from([1, 2, 3])),
        "height": draw(st.integers(least, least + 14)),
        "width": draw(st.integers(least, least + 18)),
        "ins": draw(st.sampled_from([1, 3, 8, 16, 20, 33])),
        "outs": draw(st.sampled_from([1, 4, 16, 24, 32, 48])),
        "batch": draw(st.sampled_from([1, 2])),
    }


def _conv(case: dict[str, int], *, groups: int = 1) -> object:
    pads, size = [case["pad"]] * 4, [case["kernel"]] * 2
    return helper.make_node(
        "Conv",
        ["x", "w", "b"],
        ["c"],
        kernel_shape=size,
        pads=pads,
        strides=[case["stride"]] * 2,
        dilations=[case["dilation"]] * 2,
        group=groups,
    )


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=4, deadline=None)
@given(case=convolutions(), depthwise=st.booleans())
def test_convolutions_of_any_shape(core: str, case: dict[str, int], depthwise: bool) -> None:
    groups = case["ins"] if depthwise else 1
    outs = case["ins"] if depthwise else case["outs"]
    x = {"x": random(case["batch"], case["ins"], case["height"], case["width"])}
    size = case["kernel"]
    weights = {
        "w": random(outs, case["ins"] // groups, size, size, seed=1),
        "b": random(outs, seed=2),
    }
    nodes = [_conv(case, groups=groups), helper.make_node("HardSwish", ["c"], ["y"])]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    expected = exact(nodes, x, weights, "y")
    assert max_normalised_error(result, expected) <= CLOSE
    wanted = {"window"} if depthwise and case["ins"] > 1 else {"conv", "winograd"}
    assert wanted & {choice.rule for choice in choices.values()}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(("pixels", "first"), [(24, True), (5, False)])
def test_what_is_larger_is_read_once(core: str, pixels: int, first: bool) -> None:
    x, weights = random(1, 32, pixels, pixels), random(128, 32, 1, 1, seed=1)
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[1, 1])]
    proto, two = graph(nodes, {"x": x}, {"w": weights}, "y"), replace(CORES[core], cores=2)
    module = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module
    kernels = run_phases(unscheduled_kernels(two), module)
    (conv,) = (f for f in kernels.functions.values() if has(f, "conv"))
    knobs = Tracing(Defaults())
    assert Conv().apply(conv, two, knobs) is not None
    assert ("image_first", first and core != "neon") in knobs.decisions
    result, _ = compiled(proto, {"x": x}, two)
    assert max_normalised_error(result, exact(nodes, {"x": x}, {"w": weights}, "y")) <= CLOSE


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=2, deadline=None)
@given(
    groups=st.sampled_from([2, 3, 4, 8]),
    ins=st.integers(2, 36),
    outs=st.integers(1, 36),
    shuffled=st.booleans(),
)
def test_groups_of_any_size(core: str, groups: int, ins: int, outs: int, shuffled: bool) -> None:
    channels = groups * outs
    x = {"x": random(1, groups * ins, 6, 5)}
    weights = {
        "w": random(channels, ins, 3, 3, seed=1),
        "b": random(channels, seed=2),
        "v": random(channels, outs, 1, 1, seed=3),
        "u": random(4, 2 * channels, 1, 1, seed=4),
        "parted": np.array([1, groups, outs, 6, 5]),
        "whole": np.array([1, channels, 6, 5]),
    }
    between = [
        helper.make_node("Reshape", ["c", "parted"], ["p"]),
        helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["t", "whole"], ["s"]),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1] * 4, group=groups),
        *(between if shuffled else [helper.make_node("Relu", ["c"], ["s"])]),
        helper.make_node("Conv", ["s", "v"], ["d"], group=groups),
        helper.make_node("Add", ["c", "d"], ["e"]),
        helper.make_node("Concat", ["e", "d"], ["f"], axis=1),
        helper.make_node("HardSwish", ["f"], ["g"]),
        helper.make_node("Conv", ["g", "u"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    assert {"conv", "move"} <= {choice.rule for choice in choices.values()}


@pytest.mark.parametrize(("width", "by_run"), [(24, True), (40, False)])
def test_single_channels_whose_lines_overflow_the_l1_move_pixel_by_pixel(
    width: int, by_run: bool
) -> None:
    core = replace(CORES["avx512"], l1_kib=32)
    x = {"x": random(1, 32, 2, width)}
    weights = {
        "w": random(32, 32, 1, 1, seed=1),
        "parted": np.array([1, 2, 16, 2, width]),
        "whole": np.array([1, 32, 2, width]),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Reshape", ["c", "parted"], ["p"]),
        helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["t", "whole"], ["s"]),
        helper.make_node("Conv", ["s", "w"], ["y"]),
    ]
    proto = graph(nodes, x, weights, "y")
    result, _ = compiled(proto, x, core)
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    module = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module
    module = run_phases(unscheduled_kernels(core), module)
    asked = Tracing(Defaults())
    kernels = [f for _, f in module.functions_items() if isinstance(f, tirx.PrimFunc)]
    assert any(Move().apply(kernel, core, asked) for kernel in kernels)
    assert asked.decisions == (("run_by_run", by_run),)


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=4, deadline=None)
@given(
    rows=st.integers(1, 40),
    reduced=st.integers(1, 70),
    columns=st.integers(1, 90),
    batch=st.sampled_from([(), (1,), (2, 3)]),
)
def test_products_with_constants(
    core: str, rows: int, reduced: int, columns: int, batch: tuple[int, ...]
) -> None:
    x = {"x": random(*batch, rows, reduced)}
    weights = {"w": random(reduced, columns, seed=1), "b": random(columns, seed=2)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["s"]),
        helper.make_node("Sigmoid", ["s"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    assert [choice.rule for choice in choices.values()] == ["product"], "one kernel"


@pytest.mark.parametrize("core", CORES)
def test_products_of_two_computed_matrices(core: str) -> None:
    x = {"x": random(2, 4, 37, 24), "z": random(2, 4, 24, 48, seed=1)}
    nodes = [helper.make_node("MatMul", ["x", "z"], ["y"])]
    result, choices = compiled(graph(nodes, x, {}, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, {}, "y")) <= CLOSE
    assert "product" in {choice.rule for choice in choices.values()}


POOLS = [
    ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    ("GlobalAveragePool", {}),
]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(("operator", "attributes"), POOLS)
def test_pools_after_a_convolution(core: str, operator: str, attributes: dict[str, object]) -> None:
    x = {"x": random(1, 20, 13, 11)}
    weights = {"w": random(20, 20, 1, 1, seed=1), "b": random(20, seed=2)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"]),
        helper.make_node(operator, ["c"], ["y"], **attributes),
    ]
    result, _ = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE


@pytest.mark.parametrize(("window", "stride", "outs"), [(3, 2, 8), (7, 2, 4), (3, 1, 20)])
@pytest.mark.parametrize("core", CORES)
def test_rows_of_few_channels_are_padded_where_they_are_read(
    core: str, window: int, stride: int, outs: int
) -> None:
    x = {"x": random(2, 3, 25, 38)}
    weights = {"w": random(outs, 3, window, window, seed=1), "b": random(outs, seed=2)}
    around = {"strides": [stride] * 2, "pads": [window // 2] * 4}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], **around),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    assert "conv" in {choice.rule for choice in choices.values()}


@pytest.mark.parametrize("core", CORES)
def test_a_channel_scale_is_not_formed_again_for_every_pixel(core: str) -> None:
    x = {"x": random(1, 32, 12, 12)}
    weights = {"w": random(32, 32, 1, 1, seed=1), "b": random(32, seed=2)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Conv", ["p", "w", "b"], ["s"]),
        helper.make_node("HardSigmoid", ["s"], ["h"]),
        helper.make_node("Mul", ["c", "h"], ["y"]),
    ]
    result, _ = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE


def test_softmax_of_masked_scores_is_zero_where_masked() -> None:
    scores = random(3, 40)
    scores[:, 7] = -np.inf
    nodes = [helper.make_node("Softmax", ["x"], ["y"], axis=-1)]
    result, _ = compiled(graph(nodes, {"x": scores}, {}, "y"), {"x": scores}, CORES["avx2"])
    assert (result[:, 7] == 0).all()
    np.testing.assert_allclose(result, exact(nodes, {"x": scores}, {}, "y"), rtol=1e-5)
