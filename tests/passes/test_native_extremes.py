"""The larger and the smaller of two numbers in one instruction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tvm
from onnx import helper
from tvm import tirx

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tvmedge.compiler.passes.native_extremes import NativeExtremes
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of

NODES = [
    helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
    helper.make_node("Clip", ["y", "low", "high"], ["z"]),
    helper.make_node("MaxPool", ["z"], ["out"], kernel_shape=[2, 2], strides=[2, 2]),
]
WEIGHTS = {
    "w": random(8, 5, 3, 3),
    "low": np.array(-0.5, np.float32),
    "high": np.array(0.75, np.float32),
}


@pytest.mark.parametrize("native", [False, True])
def test_results_stay(native: bool) -> None:
    core = replace(CORES["neon"], extremes=native)
    inputs = {"x": random(1, 5, 6, 8)}
    got, _ = compiled(graph(NODES, inputs, WEIGHTS, "out"), inputs, core)
    wanted = exact(NODES, inputs, WEIGHTS, "out")
    assert wanted.min() == -0.5 or wanted.max() == 0.75
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("native", [False, True])
def test_nan_stays_nan(native: bool) -> None:
    core = replace(CORES["neon"], extremes=native)
    x = np.array([[np.nan, -1.0, 0.5, 2.0]], np.float32)
    nodes = [helper.make_node("Max", ["x", "low"], ["out"])]
    low = {"low": np.zeros(1, np.float32)}
    got, _ = compiled(graph(nodes, {"x": x}, low, "out"), {"x": x}, core)
    np.testing.assert_array_equal(got, np.array([[np.nan, 0.0, 0.5, 2.0]], np.float32))


def test_only_float32_is_rewritten() -> None:
    x, n = tirx.Var("x", "float32"), tirx.Var("n", "int32")
    parts = [tirx.Evaluate(tirx.max(x, tirx.const(0.0, "float32"))), tirx.Evaluate(tirx.min(n, 3))]
    module = tvm.IRModule({"f": tirx.PrimFunc([x, n], tirx.SeqStmt(parts))})
    text = str(NativeExtremes(replace(CORES["neon"], extremes=True))(module)["f"].script())
    assert "tvmedge_maximum(x" in text and "T.min(n, 3)" in text
    assert NativeExtremes(CORES["avx512"])(module).same_as(module)


def test_aarch64_has_them() -> None:
    assert core_of(target("raspberry-pi-4b")).extremes
    assert not core_of(target("raspberry-pi-2")).extremes
