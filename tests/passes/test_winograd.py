"""Winograd's algorithms against float64, over shapes and cores, and where they are chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from tvm import te, topi
from tvmedge.schedules.rules.cpu import RULES
from tvmedge.schedules.rules.cpu.algorithms import Fast, Image, chosen, faster
from tvmedge.schedules.rules.cpu.tiles import register_tile

from tests.cpu_kernels import CORES, Array, compiled, exact, graph, random
from tvmedge.compiler.kernels.winograd import (
    F2,
    F4,
    F_BY_OUTPUTS,
    Transform,
    Way,
    transformed,
    winograd,
)
from tvmedge.scheduling.engine import schedule
from tvmedge.scheduling.knobs import Defaults
from tvmedge.targeting import target
from tvmedge.targeting.core import Core, core_of
from tvmedge.tensors import max_normalised_error
from tvmedge.types import Winograd

CLOSE = 5e-5


def _blocked(x: Array, block: int) -> Array:
    """[N, C, H, W] -> [N, C / b, H, W, b], zero where C does not fill its blocks."""
    n, c, h, w = x.shape
    whole = np.zeros((n, -(-c // block) * block, h, w), x.dtype)
    whole[:, :c] = x
    return np.ascontiguousarray(whole.reshape(n, -1, block, h, w).transpose(0, 1, 3, 4, 2))


def _run(
    x: Array, w: Array, pads: tuple[int, int, int, int], core: Core, plan: tuple[Transform, int]
) -> Array:
    """relu(winograd) by the CPU's rules, [N, O, OH, OW]."""
    transform, bands = plan
    blocks = -(-w.shape[0] // core.block)
    image = _blocked(x, core.block)
    packed = transformed(w, transform, core.block, 2 if blocks % 2 == 0 else 1)
    data, weight = te.placeholder(image.shape, name="x"), te.placeholder(packed.shape, name="w")
    made = topi.nn.relu(winograd(data, weight, Way(transform, bands), pads))
    func = te.create_prim_func([data, weight, made]).with_attr("global_symbol", "main")
    scheduled = schedule(tvm.IRModule({"main": func}), RULES, core)
    assert scheduled.choices["main"].rule == "winograd"
    result = tvm.runtime.tensor(np.zeros([int(size) for size in made.shape], np.float32))
    built = tvm.tirx.build(scheduled.module, target="llvm")
    built["main"](*map(tvm.runtime.tensor, (image, packed)), result)
    n, o, h, width, b = result.shape
    return result.numpy().transpose(0, 1, 4, 2, 3).reshape(n, o * b, h, width)[:, : w.shape[0]]


@pytest.mark.parametrize("transform", [F2, F4])
@pytest.mark.parametrize("core", CORES)
@settings(max_examples=2, deadline=None)
@given(
    shape=st.tuples(
        st.sampled_from([1, 2]),
        st.sampled_from([1, 8, 20, 33]),
        st.integers(3, 19),
        st.integers(3, 19),
    ),
    outs=st.sampled_from([4, 24, 32]),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    bands=st.integers(1, 3),
    cores=st.sampled_from([1, 3]),
)
def test_images_of_any_shape(
    core: str,
    transform: Transform,
    shape: tuple[int, int, int, int],
    outs: int,
    pads: tuple[int, int, int, int],
    bands: int,
    cores: int,
) -> None:
    x, w = random(*shape), random(outs, shape[1], 3, 3, seed=1)
    made = _run(x, w, pads, replace(CORES[core], cores=cores), (transform, bands))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=list(pads)),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    assert max_normalised_error(made, exact(nodes, {"x": x}, {"w": w}, "y")) <= CLOSE


def _residual() -> tuple[list[onnx.NodeProto], dict[str, Array], dict[str, Array]]:
    x = {"x": random(1, 32, 30, 29)}
    weights = {"w": random(32, 32, 3, 3, seed=1), "b": random(32, seed=2)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1] * 4),
        helper.make_node("Add", ["c", "x"], ["s"]),
        helper.make_node("HardSwish", ["s"], ["y"]),
    ]
    return nodes, x, weights


@pytest.mark.parametrize("core", ["avx2", "armv7"])
def test_bias_residual_and_activation_join_the_kernel(core: str) -> None:
    nodes, x, weights = _residual()
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    assert [choice.rule for choice in choices.values()].count("winograd") == 1
    assert len(choices) == 3  # and one to pack, one to unpack


def test_a_model_that_rounds_is_summed_directly() -> None:
    nodes, x, weights = _residual()
    nodes[-1] = helper.make_node("Round", ["s"], ["y"])
    _, choices = compiled(graph(nodes, x, weights, "y"), x, CORES["avx2"])
    assert "winograd" not in {choice.rule for choice in choices.values()}


def test_weights_in_flash_stay_small() -> None:
    nodes, x, weights = _residual()
    model = graph(nodes, x, weights, "y")
    core = core_of(target("cortex-m55"))
    chosen = {}
    for small in (True, False):
        _, choices = compiled(model, x, replace(core, small_weights=small))
        chosen[small] = [choice.rule for choice in choices.values()].count("winograd")
    assert core.small_weights and chosen == {True: 0, False: 1}


HOST = Core(16, 32, memory_operand=True, l1_kib=48, l2_kib=2048)


def _fast(image: Image, allowed: Winograd = Winograd.F4) -> Fast | None:
    return faster(HOST, image, allowed)


def test_the_choice_follows_the_weights() -> None:
    large, deep = _fast(Image(1, 4, 4, 56, 56)), _fast(Image(1, 16, 16, 14, 14))
    assert large is not None
    assert large.outputs == 4
    assert large.bands > 1  # 1.8 MB of images and as much of sums leave the L2
    assert deep is not None
    assert deep.outputs == 2  # 9.4 MB of weights would take longer than they save
    assert _fast(Image(1, 4, 4, 1, 1)) is None


def test_slower_sums_are_worth_more_weights() -> None:
    one_a_cycle = replace(HOST, cores=1, fused=1, far_bytes=14)
    for deep in (Image(1, 16, 16, 7, 7), Image(1, 32, 32, 7, 7)):
        plan = faster(one_a_cycle, deep, Winograd.F4)
        assert plan is not None and plan.outputs == 4
        assert faster(replace(one_a_cycle, fused=2, far_bytes=4), deep, Winograd.F4) is None


def test_what_is_not_allowed_is_not_chosen() -> None:
    image = Image(1, 4, 4, 56, 56)
    assert _fast(image, Winograd.OFF) is None
    small = _fast(image, Winograd.F2)
    assert small is not None
    assert F_BY_OUTPUTS[small.outputs] is F2


def test_two_cores_get_a_share_each() -> None:
    image = Image(batch=1, ins=8, outs=2, rows=28, columns=28)
    for cores in (1, 2):
        plan = faster(replace(HOST, cores=cores), image, Winograd.F4)
        assert plan is not None
        shares = max(plan.bands, image.outs // plan.tile.vectors)
        assert shares % cores == 0


def test_the_fastest_of_those_with_as_many_bands_is_chosen() -> None:
    image = Image(batch=1, ins=8, outs=2, rows=56, columns=56)
    core = replace(HOST, cores=2)  # one vector of sums would keep both busy, too
    assert chosen(core, image, Winograd.F4, Defaults()).plan == faster(core, image, Winograd.F4)


def test_a_tile_of_one_pixel_waits_for_its_weights() -> None:
    tile = register_tile(HOST, 13, 1, 49)
    assert tile.columns > 1
    assert tile.peak < 0.9
    assert register_tile(HOST, 12, 1, 49).peak == 1.0
