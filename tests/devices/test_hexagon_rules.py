"""Rules for HVX: bit for bit what numpy computes, under QEMU, and in how many packets."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tvmedge.schedules.rules.choose import cpu_rules

from tests.byte_kernels import (
    Case,
    added,
    convolution,
    depthwise,
    interleaved_image,
    joined,
    lessened,
    looked_up,
    pooled,
    product,
    quantised_pixels,
    sliced,
    summed,
    totals,
)
from tests.hexagon_kernels import Ran, hexagon, run
from tvmedge.compiler.kernels.window import Window
from tvmedge.scheduling.engine import Tuned, apply_tuned
from tvmedge.scheduling.knobs import Defaults
from tvmedge.targeting.core import core_of
from tvmedge.tuning.space import Space

ONE = Window((1, 1), (1, 1), (0, 0, 0, 0))
THREE = Window((3, 3), (1, 1), (1, 1, 1, 1))
HALVED = Window((3, 3), (2, 2), (1, 1, 1, 1))
FIVE = Window((5, 5), (1, 1), (2, 2, 2, 2))
PEAK = 128  # multiply-adds of one vrmpy, which the issue counts a packet by
WANTED = 0.35  # of it, in dense convolutions of 64 channels and more
PAIRED = 1.0  # what such take by weights without a sign


def _ran(case: Case, rule: str) -> Ran:
    """The kernel scheduled as compile would, which has to be by ``rule``."""
    spec = hexagon()
    core = core_of(spec)
    found = ((r.name, r.apply(case.func, core, Defaults())) for r in cpu_rules(core))
    name, plan = next((name, plan) for name, plan in found if plan is not None)
    assert name == rule
    ran = run(plan.schedule.mod["main"], case.inputs, spec)
    assert (ran.output == case.expected).all()
    return ran


@pytest.mark.parametrize(
    ("channels", "size", "window"),
    [
        ((64, 128), (8, 16), ONE),
        ((128, 64), (7, 7), ONE),
        ((64, 64), (13, 13), ONE),
        ((64, 64), (8, 14), THREE),
        ((64, 64), (14, 14), HALVED),
    ],
)
def test_dense_convolutions_are_exact_and_fast(
    channels: tuple[int, int], size: tuple[int, int], window: Window
) -> None:
    case = convolution(channels, size, window)
    counts = _ran(case, "vrmpy_conv").counts
    assert case.macs / counts.packets >= WANTED * PEAK
    assert counts.vector_instructions > counts.instructions / 2


@pytest.mark.parametrize(
    ("channels", "size", "window"),
    [
        ((64, 128), (8, 16), ONE),
        ((128, 64), (7, 7), ONE),
        ((64, 64), (8, 14), THREE),
        ((64, 64), (7, 7), THREE),
        ((64, 64), (14, 14), HALVED),
    ],
)
def test_weights_without_a_sign_are_two_a_packet(
    channels: tuple[int, int], size: tuple[int, int], window: Window
) -> None:
    case = convolution(channels, size, window, offset=True)
    assert case.macs / _ran(case, "vrmpy_conv").counts.packets >= PAIRED * PEAK


@pytest.mark.parametrize(
    ("channels", "size", "window"),
    [
        ((64, 32), (14, 14), ONE),
        ((64, 32), (7, 7), ONE),
        ((64, 32), (14, 15), Window((1, 1), (2, 2), (0, 0, 0, 0))),
        ((32, 32), (1, 3), THREE),
        ((32, 32), (15, 14), HALVED),
        ((4, 4), (35, 41), Window((7, 7), (2, 2), (3, 3, 3, 3))),
        ((16, 16), (9, 40), Window((3, 2), (1, 2), (2, 1, 0, 1), (2, 2))),
        ((24, 8), (5, 7), THREE),
    ],
)
def test_sums_under_windows(
    channels: tuple[int, int], size: tuple[int, int], window: Window
) -> None:
    case = totals(channels, size, window)
    spec = hexagon()
    found = (rule.apply(case.func, core_of(spec), Defaults()) for rule in cpu_rules(core_of(spec)))
    plan = next(plan for plan in found if plan is not None)
    ran = run(plan.schedule.mod["main"], case.inputs, spec)
    _, columns = window.output(*size)
    np.testing.assert_array_equal(ran.output[..., :columns], case.expected[..., :columns])
    assert ran.counts.packets < 5 * size[0] * size[1] + 150


def test_limits_other_than_of_bytes() -> None:
    """A ReLU's lower limit is the zero point."""
    case = convolution((32, 32), (5, 6), THREE, low=3)
    assert case.expected.min() == 3
    _ran(case, "vrmpy_conv")


@pytest.mark.parametrize(("rows", "depth", "columns"), [(1, 256, 128), (7, 64, 64), (16, 36, 96)])
def test_products(rows: int, depth: int, columns: int) -> None:
    _ran(product(rows, depth, columns), "vrmpy_product")


@pytest.mark.parametrize(
    ("size", "window"), [((14, 16), THREE), ((7, 7), THREE), ((15, 14), HALVED), ((6, 9), FIVE)]
)
def test_depthwise(size: tuple[int, int], window: Window) -> None:
    """Widths of whole fours and others; with a stride of 2 no pixel beyond the image is read."""
    counts = _ran(depthwise(64, size, window), "dot_depthwise").counts
    assert counts.vector_instructions > counts.instructions / 4


@pytest.mark.parametrize(
    "case",
    [
        pooled(64, (17, 17), Window((3, 3), (2, 2), (0, 0, 0, 0))),  # eight columns
        pooled(32, (13, 13), Window((3, 3), (2, 2), (0, 0, 0, 0)), "int8"),
        pooled(32, (12, 9), Window((2, 2), (2, 2), (0, 0, 0, 0))),
        pooled(32, (7, 8), THREE),
        pooled(32, (6, 5), Window((5, 5), (1, 1), (2, 2, 2, 2))),
        pooled(32, (9, 14), Window((3, 2), (3, 3), (1, 1, 1, 1))),
        pooled(32, (9, 9), Window((2, 2), (1, 1), (0, 0, 0, 0), (2, 2)), "int8"),
    ],
)
def test_pools(case: Case) -> None:
    counts = _ran(case, "byte_pool").counts
    assert counts.packets < case.expected.size


@pytest.mark.parametrize("size", [(4, 6), (7, 7), (1, 3)])
def test_sums(size: tuple[int, int]) -> None:
    case = summed(64, size)
    counts = _ran(case, "byte_sum").counts
    assert counts.packets < case.inputs[0].size / 8 + 50


@pytest.mark.parametrize(
    "case",
    [
        quantised_pixels((1, 3, 8, 32), 1 / 64, 128, "uint8"),
        quantised_pixels((4096,), 0.0173, 100, "uint8"),
        quantised_pixels((40, 32), 3e-7, -5, "int8"),
    ],
    ids=["a power of two", "any step", "a small step"],
)
def test_floats_become_codes_in_vectors(case: Case) -> None:
    counts = _ran(case, "byte_elementwise").counts
    assert counts.packets < case.expected.size / 2 + 100


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("channels", "size"), [(3, (4, 64)), (3, (5, 40)), (1, (3, 32))])
def test_images_of_few_channels(channels: int, size: tuple[int, int], last: bool) -> None:
    case = interleaved_image(channels, size, last=last)
    counts = _ran(case, "interleave").counts
    assert counts.vector_instructions > 0


@pytest.mark.parametrize(
    "case",
    [
        added((1, 2, 7, 7, 32)),
        added((1, 2, 8, 8, 32)),
        added((1, 1000)),
        joined(2, 3, 7),
        joined(1, 1, 13),
        looked_up((1, 2, 7, 7, 32)),
        looked_up((1000,)),
    ],
)
def test_elementwise(case: Case) -> None:
    counts = _ran(case, "byte_elementwise").counts
    assert counts.packets < case.expected.size


@pytest.mark.parametrize(
    "case",
    [
        *(sliced(400, begin, 1, 100) for begin in (5, 100, 120)),
        *(sliced(160, begin, 6, 32) for begin in (3, 100)),
        sliced(200, 1, 2, 130),
        *(lessened(rows, columns) for rows, columns in ((6, 100), (5, 33), (7, 127), (3, 200))),
    ],
)
def test_pieces_that_lie_in_two_vectors(case: Case) -> None:
    """Rows, and what is taken of them, that are no multiples of 32 bytes."""
    assert _ran(case, "byte_elementwise").counts.vector_instructions


def test_tuning_has_a_space() -> None:
    """A convolution has other tiles, and what is drawn of them is right, too."""
    spec, case = hexagon(), convolution((32, 64), (6, 6), THREE)
    core = core_of(spec)
    space = Space(case.func, core)
    default = space.defaults[0]
    assert default.rule == "vrmpy_conv"
    asked = {question for question, _ in default.decisions}
    assert {"vectors", "columns", "pixels_first"} <= asked
    drawn = {space.drawn(default.rule, random.Random(seed)) for seed in range(40)}
    assert len(drawn - {None, default}) > 10
    others = sorted((one for one in drawn if one not in (None, default)), key=str)
    for other in others[:: len(others) // 2]:
        tuned = Tuned(other.rule, dict(other.decisions))
        plan = apply_tuned(tuned, cpu_rules(core), case.func, core)
        ran = run(plan.schedule.mod["main"], case.inputs, spec)
        assert (ran.output == case.expected).all()
