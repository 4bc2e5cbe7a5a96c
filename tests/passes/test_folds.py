"""Reductions, softmax and normalisations against float64, over shapes, axes and cores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import NodeProto, helper
from tvm import relax

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tests.relax_runs import runner
from tvmedge.compiler.kernels.legal_folds import COMM_REDUCE
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting.core import Core
from tvmedge.tensors import max_normalised_error

Array = NDArray[Any]
CLOSE = 1e-5
SIZES = st.sampled_from([1, 2, 3, 5, 8, 15, 16, 17, 31, 43, 64, 129, 200])


@st.composite
def tensors(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """A shape of up to four axes, at most 40,000 elements, and some of its axes."""
    shape: list[int] = []
    for size in draw(st.lists(SIZES, min_size=1, max_size=4)):
        shape.append(size if np.prod(shape) * size <= 40_000 else 1)
    axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    return shape, sorted(axes)


def _check(
    nodes: list[NodeProto], shape: list[int], core: str, weights: dict[str, Array] | None = None
) -> set[str]:
    """The rules chosen, the result having been compared with float64."""
    x = {"x": random(*shape)}
    result, choices = compiled(graph(nodes, x, weights or {}, "y"), x, CORES[core])
    expected = exact(nodes, x, weights or {}, "y")
    assert result.shape == expected.shape
    assert max_normalised_error(result, expected) <= CLOSE
    return {choice.rule for choice in choices.values()}


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=3, deadline=None)
@given(
    tensor=tensors(),
    operator=st.sampled_from(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"]),
    keepdims=st.sampled_from([0, 1]),
)
def test_reductions_over_any_axes(
    core: str, tensor: tuple[list[int], list[int]], operator: str, keepdims: int
) -> None:
    shape, axes = tensor
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["m"]),
        helper.make_node(operator, ["m", "axes"], ["r"], keepdims=keepdims),
        helper.make_node("Add", ["r", "r"], ["y"]),
    ]
    x = {"x": random(*shape)}
    proto = graph(nodes, x, {"axes": np.array(axes)}, "y")
    result, choices = compiled(proto, x, CORES[core])
    square = x["x"].astype(np.float64) ** 2
    numpy_name = operator.removeprefix("Reduce").lower()
    expected = 2 * getattr(np, numpy_name)(square, tuple(axes), keepdims=bool(keepdims))
    assert max_normalised_error(result, expected) <= CLOSE
    if np.prod([shape[axis] for axis in axes]) > 1:
        assert {"rows", "columns"} & {choice.rule for choice in choices.values()}


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=3, deadline=None)
@given(tensor=tensors())
def test_softmax_along_any_axis(core: str, tensor: tuple[list[int], list[int]]) -> None:
    shape, axes = tensor
    rules = _check([helper.make_node("Softmax", ["x"], ["y"], axis=axes[0])], shape, core)
    if shape[axes[0]] > 1:
        assert {"rows", "columns"} & rules


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=2, deadline=None)
@given(rows=st.integers(1, 20), length=st.integers(2, 200))
def test_layer_norms(core: str, rows: int, length: int) -> None:
    weights = {"g": random(length, seed=1), "b": random(length, seed=2)}
    node = helper.make_node("LayerNormalization", ["x", "g", "b"], ["y"], axis=-1)
    assert "rows" in _check([node], [2, rows, length], core, weights)


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=3, deadline=None)
@given(height=st.integers(2, 12), width=st.integers(1, 20))
def test_instance_norms(core: str, height: int, width: int) -> None:
    weights = {"g": random(5, seed=1), "b": random(5, seed=2)}
    node = helper.make_node("InstanceNormalization", ["x", "g", "b"], ["y"])
    assert "rows" in _check([node], [2, 5, height, width], core, weights)


def _run(
    call: Callable[[relax.Var], relax.Expr], x: Array, core: Core
) -> tuple[Array, dict[str, Choice]]:
    builder, data = relax.BlockBuilder(), relax.Var("x", relax.TensorType(x.shape, "float32"))
    with builder.function("main", [data]):
        with builder.dataflow():
            result = builder.emit_output(call(data))
        builder.emit_func_output(result)
    seen: dict[str, Choice] = {}
    (y,) = runner(builder.get(), core, seen.update)([x])
    return y, seen


@pytest.mark.parametrize("core", CORES)
def test_group_norms(core: str) -> None:
    x, scale, shift = random(2, 12, 5, 7), random(12, seed=1), random(12, seed=2)

    def call(data: relax.Var) -> relax.Expr:
        return relax.op.nn.group_norm(
            data, relax.const(scale), relax.const(shift), 3, 1, [2, 3], 1e-5
        )

    y, choices = _run(call, x, CORES[core])
    groups = x.astype(np.float64).reshape(2, 3, -1)
    away = groups - groups.mean(2, keepdims=True)
    normal = (away / np.sqrt((away**2).mean(2, keepdims=True) + 1e-5)).reshape(x.shape)
    expected = normal * scale[:, None, None] + shift[:, None, None]
    assert max_normalised_error(y, expected) <= CLOSE
    assert "rows" in {choice.rule for choice in choices.values()}


@pytest.mark.parametrize("core", CORES)
def test_rms_norms(core: str) -> None:
    x, scale = random(6, 90), random(90, seed=1)
    y, choices = _run(
        lambda data: relax.op.nn.rms_norm(data, relax.const(scale), -1, 1e-5), x, CORES[core]
    )
    wide = x.astype(np.float64)
    expected = wide / np.sqrt((wide**2).mean(1, keepdims=True) + 1e-5) * scale
    assert max_normalised_error(y, expected) <= CLOSE
    assert "rows" in {choice.rule for choice in choices.values()}


def test_a_variance_survives_a_large_mean() -> None:
    """As E[x^2] - E[x]^2 in float32 it would be wrong in its second digit."""
    x = 1000 + random(4, 300)
    one, none = (relax.const(np.full(300, v, np.float32)) for v in (1, 0))
    y, _ = _run(
        lambda data: relax.op.nn.layer_norm(data, one, none, -1),
        x,
        CORES["avx2"],
    )
    wide = x.astype(np.float64)
    away = wide - wide.mean(1, keepdims=True)
    expected = away / np.sqrt((away**2).mean(1, keepdims=True) + 1e-5)
    assert max_normalised_error(y, expected) <= 3e-4


def test_models_that_round_keep_the_order_of_sums() -> None:
    x = {"x": random(4, 300)}
    nodes = [
        helper.make_node("ReduceSum", ["x", "axes"], ["s"]),
        helper.make_node("Floor", ["s"], ["y"]),
    ]
    _, choices = compiled(graph(nodes, x, {"axes": np.array([1])}, "y"), x, CORES["avx2"])
    assert {choice.rule for choice in choices.values()} == {"last"}


def test_a_sum_is_what_producers_may_join() -> None:
    """The number that ``op_pattern`` has for it: TVM exports no name."""
    builder, data = relax.BlockBuilder(), relax.Var("x", relax.TensorType((4, 8), "float32"))
    with builder.function("main", [data]):
        builder.emit_func_output(relax.op.sum(data, 1))
    annotated = relax.transform.AnnotateTIROpPattern()(relax.transform.LegalizeOps()(builder.get()))
    (kernel,) = [f for f in annotated.functions.values() if isinstance(f, tvm.tirx.PrimFunc)]
    assert int(kernel.attrs["op_pattern"]) == COMM_REDUCE
