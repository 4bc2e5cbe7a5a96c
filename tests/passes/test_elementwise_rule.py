"""Vectors of any length: elementwise chains and copies against numpy, over shapes and cores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tvm import te, tirx
from tvmedge.schedules.rules.cpu.elementwise import Elementwise

from tests.cpu_kernels import CORES, random
from tvmedge.compiler.kernels import elementary
from tvmedge.scheduling.knobs import Defaults
from tvmedge.scheduling.plan import Plan

Array = NDArray[Any]


def _run(func: tirx.PrimFunc, core: str, *arrays: Array) -> tuple[Array, str]:
    """What the scheduled kernel makes of ``arrays``, and its schedule; the last is the result's
    size, whose elements must all be written."""
    plan = Elementwise().apply(func, CORES[core], Defaults())
    assert isinstance(plan, Plan)
    built = tvm.compile(plan.schedule.mod, target={"kind": "llvm", "num-cores": 2})
    tensors = [tvm.runtime.tensor(array) for array in arrays]
    built["main"](*tensors)
    return tensors[-1].numpy(), plan.schedule.mod.script()


def _empty(*shape: int) -> Array:
    return np.full(shape, np.nan, np.float32)


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=3, deadline=None)
@given(st.integers(16, 9000))
def test_one_axis_of_any_length(core: str, length: int) -> None:
    x = te.placeholder((length,), name="x")
    func = te.create_prim_func([x, te.compute(x.shape, lambda i: elementary.exp(x[i]), name="y")])
    data = random(length)
    result, script = _run(func, core, data, _empty(length))
    np.testing.assert_allclose(result, np.exp(data.astype(np.float64)), rtol=1e-6)
    assert "T.vectorized" in script


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=3, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.integers(8, 40))
def test_rows_and_channels_repeated(
    core: str, blocks: int, height: int, width: int, lanes: int
) -> None:
    x = te.placeholder((blocks, height, width, lanes), name="x")
    bias = te.placeholder((blocks, 1, 1, lanes), name="bias")
    shape = (blocks, 2 * height, 2 * width, lanes)
    y = te.compute(shape, lambda c, h, w, i: x[c, h // 2, w // 2, i] + bias[c, 0, 0, i], name="y")
    data, shift = random(blocks, height, width, lanes), random(blocks, 1, 1, lanes, seed=1)
    result, _ = _run(te.create_prim_func([x, bias, y]), core, data, shift, _empty(*shape))
    expected = data.repeat(2, axis=1).repeat(2, axis=2) + shift
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=3, deadline=None)
@given(st.integers(1, 9), st.integers(1, 5), st.integers(8, 40))
def test_heads_of_attention_split(core: str, tokens: int, heads: int, size: int) -> None:
    x = te.placeholder((tokens, heads * size), name="x")
    y = te.compute((heads, tokens, size), lambda h, t, i: x[t, h * size + i], name="y")
    data = random(tokens, heads * size)
    result, _ = _run(te.create_prim_func([x, y]), core, data, _empty(heads, tokens, size))
    np.testing.assert_array_equal(result, data.reshape(tokens, heads, size).transpose(1, 0, 2))


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("shape", [(1, 4, 55, 55, 16), (1, 1, 100, 72, 3), (3, 41, 1021)])
def test_parts_of_several_axes_are_read_in_vectors(core: str, shape: tuple[int, ...]) -> None:
    """64 equal parts of 4x55x55x16 begin within an axis: each element had an index of its own."""
    x, other = te.placeholder(shape, name="x"), te.placeholder(shape, name="other")
    y = te.compute(shape, lambda *at: x(*at) * other(*at), name="y")
    func = te.create_prim_func([x, other, y])
    one, two = random(*shape), random(*shape, seed=1)
    result, script = _run(func, core, one, two, _empty(*shape))
    np.testing.assert_array_equal(result, one * two)
    assert "T.parallel" in script
    plan = Elementwise().apply(func, CORES[core], Defaults())
    assert isinstance(plan, Plan)
    built = tvm.compile(plan.schedule.mod, target={"kind": "llvm", "num-cores": 2})
    assert "insertelement" not in built.mod.inspect_source("ll")


@pytest.mark.parametrize("core", CORES)
def test_rows_of_a_table(core: str) -> None:
    table = te.placeholder((50, 43), name="table")
    at = te.placeholder((7,), "int64", name="at")
    y = te.compute((7, 43), lambda i, j: table[at[i], j], name="y")
    data, rows = random(50, 43), np.array([3, 49, 0, 7, 7, 12, 1])
    result, _ = _run(te.create_prim_func([table, at, y]), core, data, rows, _empty(7, 43))
    np.testing.assert_array_equal(result, data[rows])


def test_what_vectors_would_not_serve_is_left() -> None:
    x = te.placeholder((64, 48), name="x")
    transposed = te.compute((48, 64), lambda i, j: x[j, i], name="y")
    padded = te.compute(
        (64, 50), lambda i, j: tirx.if_then_else(j < 48, x[i, j], tirx.const(0.0, "float32"))
    )
    k = te.reduce_axis((0, 48), "k")
    total = te.compute((64,), lambda i: te.sum(x[i, k], axis=k), name="y")
    for y in (transposed, padded, total):
        assert Elementwise().apply(te.create_prim_func([x, y]), CORES["avx2"], Defaults()) is None
