"""The last rule: what it does to loops, and that results stay right."""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import s_tir, te, tirx, topi
from tvm.script import ir as I
from tvm.script import tirx as T
from tvmedge.schedules.rules.cpu.last import Last

from tvmedge.scheduling.engine import schedule
from tvmedge.scheduling.knobs import Defaults
from tvmedge.targeting.core import Core

CORE = Core(4, 16)


def _apply(func: tirx.PrimFunc) -> s_tir.Schedule | None:
    plan = Last().apply(func, CORE, Defaults())
    return plan.schedule if plan else None


def _matmul_relu() -> tirx.PrimFunc:
    a = te.placeholder((8, 4), name="a")
    b = te.placeholder((4, 16), name="b")
    k = te.reduce_axis((0, 4), name="k")
    c = te.compute((8, 16), lambda i, j: te.sum(a[i, k] * b[k, j], axis=k), name="c")
    return te.create_prim_func([a, b, topi.nn.relu(c)])


@I.ir_module(s_tir=True)
class MatmulRelu:
    """The sum streams along j inside k; rows run in parallel."""

    @T.prim_func(s_tir=True)
    def main(
        a: T.Buffer((8, 4), "float32"),
        b: T.Buffer((4, 16), "float32"),
        compute: T.Buffer((8, 16), "float32"),
    ):
        T.func_attr({"tirx.noalias": True})
        c = T.sblock_alloc_buffer((8, 16))
        for i in T.parallel(8):
            for j_init in range(16):
                with T.sblock("c_init"):
                    vi = T.axis.spatial(8, i)
                    vj = T.axis.spatial(16, j_init)
                    c[vi, vj] = T.float32(0.0)
            for k, j in T.grid(4, 16):
                with T.sblock("c_update"):
                    vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                    c[vi, vj] = c[vi, vj] + a[vi, vk] * b[vk, vj]
        for i in T.parallel(8):
            for j in range(16):
                with T.sblock("compute"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    compute[vi, vj] = T.max(c[vi, vj], T.float32(0.0))


def test_a_sum_streams_along_the_innermost_axis() -> None:
    scheduled = _apply(_matmul_relu())
    assert scheduled is not None
    tvm.ir.assert_structural_equal(scheduled.mod["main"], MatmulRelu["main"])


def test_a_strided_sum_keeps_its_order() -> None:
    a = te.placeholder((8, 4), name="a")
    b = te.placeholder((16, 4), name="b")
    k = te.reduce_axis((0, 4), name="k")
    c = te.compute((8, 16), lambda i, j: te.sum(a[i, k] * b[j, k], axis=k), name="c")
    scheduled = _apply(te.create_prim_func([a, b, c]))
    assert scheduled is not None
    script = scheduled.mod.script()
    assert script.index("T.parallel(128)") < script.index("range(4)")


def test_elementwise_chains_become_one_loop() -> None:
    x = te.placeholder((4, 32), name="x")
    func = te.create_prim_func([x, topi.exp(topi.nn.relu(topi.add(x, 1.0)))])
    scheduled = _apply(func)
    assert scheduled is not None
    assert scheduled.mod.script().count("T.sblock(") == 2  # with the root


def test_a_value_read_twice_by_each_of_a_row_is_not_copied_without_bound() -> None:
    """Of 24 steps that read the last one twice each, one loop would read x 2 ** 24 times."""
    x = te.placeholder((4, 32), name="x")
    value = x
    for _ in range(24):
        value = topi.add(topi.multiply(value, 0.25), topi.nn.relu(value))
    scheduled = _apply(te.create_prim_func([x, value]))
    assert scheduled is not None
    assert 2 < scheduled.mod.script().count("T.sblock(") < 24
    data = np.ones((4, 32), np.float32)
    result = tvm.runtime.tensor(np.zeros_like(data))
    tvm.compile(scheduled.mod, target="llvm")["main"](tvm.runtime.tensor(data), result)
    np.testing.assert_allclose(result.numpy(), data * 1.25**24, rtol=1e-5)


def test_padding_is_not_repeated_inside_a_sum() -> None:
    data = te.placeholder((1, 4, 8, 8), name="data")
    weight = te.placeholder((4, 4, 3, 3), name="weight")
    func = te.create_prim_func([data, weight, topi.nn.conv2d_nchw(data, weight, 1, 1, 1)])
    scheduled = _apply(func)
    assert scheduled is not None
    assert "pad_temp" in scheduled.mod.script()


def _run(module: tvm.IRModule, *arrays: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    built = tvm.compile(module, target={"kind": "llvm", "num-cores": 2})
    arguments = [tvm.runtime.tensor(array) for array in arrays]
    built["main"](*arguments)
    return np.asarray(arguments[-1].numpy())


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(3, 12),
    st.integers(1, 6),
    st.sampled_from([1, 3, 5]),
    st.sampled_from([1, 2]),
    st.booleans(),
)
def test_convolutions_compute_what_they_did(
    channels: int, size: int, out: int, kernel: int, stride: int, depthwise: bool
) -> None:
    out = channels if depthwise else out
    groups = channels if depthwise else 1
    data = te.placeholder((1, channels, size, size), name="data")
    weight = te.placeholder((out, channels // groups, kernel, kernel), name="weight")
    result = topi.nn.group_conv2d_nchw(data, weight, stride, kernel // 2, 1, groups)
    func = te.create_prim_func([data, weight, topi.nn.relu(result)])
    module = tvm.IRModule({"main": func.with_attr("global_symbol", "main")})
    scheduled = schedule(module, (Last(),), CORE)
    assert scheduled.choices["main"].rule == "last"
    rng = np.random.default_rng(0)
    arrays = [
        rng.standard_normal([int(d) for d in t.shape]).astype(np.float32) for t in (data, weight)
    ]
    empty = np.full([int(d) for d in result.shape], np.nan, np.float32)
    np.testing.assert_allclose(
        _run(scheduled.module, *arrays, empty), _run(module, *arrays, empty), rtol=1e-5, atol=1e-5
    )
