"""Functions, loops and half precision, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tests.operator_runs import run_compiled

HALF = TensorProto.FLOAT16


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("axes", [[-1], [0, 2], []])
def test_extremes_of_infinities(op: str, keep: int, axes: list[int]) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 4)).astype(np.float32)
    x[:, 1], x[1, 2, 0] = (-np.inf if op == "ReduceMax" else np.inf), np.inf
    node = helper.make_node(op, ["x", "axes"], ["y"], keepdims=keep)
    find = np.max if op == "ReduceMax" else np.min
    want = find(x, axis=tuple(axes) or None, keepdims=bool(keep))
    weights = {"axes": np.array(axes, np.int64)}
    proto = model([node], [tensor("x", x.shape)], [tensor("y", want.shape)], weights, opset=18)
    (got,) = run_compiled(proto, [x])
    np.testing.assert_array_equal(got, want)


def test_a_half_product_is_summed_in_float32() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=s).astype(np.float16) for s in ((4, 2048), (2048, 3)))
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    declared = [tensor("a", a.shape, HALF), tensor("b", b.shape, HALF)]
    (got,) = run_compiled(model([node], declared, [tensor("y", [4, 3], HALF)]), [a, b])
    want = (a.astype(np.float32) @ b.astype(np.float32)).astype(np.float16)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("causal", [0, 1])
def test_attention_with_rows_that_see_nothing(causal: int) -> None:
    rng = np.random.default_rng(causal)
    sizes = {"q": [2, 4, 3, 8], "k": [2, 2, 5, 8], "v": [2, 2, 5, 6], "m": [3, 5]}
    inputs: dict[str, Any] = {n: rng.normal(size=s).astype(np.float32) for n, s in sizes.items()}
    inputs["m"] = rng.random((3, 5)) > 0.5
    inputs["m"][1] = False
    node = helper.make_node("Attention", ["q", "k", "v", "m"], ["y"], is_causal=causal, softcap=2.0)
    kinds = [tensor(n, s, TensorProto.BOOL if n == "m" else 1) for n, s in sizes.items()]
    proto = model([node], kinds, [tensor("y", [2, 4, 3, 6])], opset=24)
    (got,) = run_compiled(proto, list(inputs.values()))
    want: Any
    (want,) = ReferenceEvaluator(proto).run(None, inputs)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_layer_normalization_of_doubles() -> None:
    x, scale = (np.random.default_rng(0).normal(size=size) for size in ((3, 16), (16,)))
    node = helper.make_node("LayerNormalization", ["x", "s"], ["y"])
    double = TensorProto.DOUBLE
    declared = [tensor("x", x.shape, double), tensor("s", [16], double)]
    proto = model([node], declared, [tensor("y", x.shape, double)], opset=18)
    (got,) = run_compiled(proto, [x, scale])
    apart = x - x.mean(1, keepdims=True)
    want = apart / np.sqrt(x.var(1, keepdims=True) + 1e-5) * scale
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)  # stash_type is float32
    assert got.dtype == np.float64
