"""Blocks that are computed apart from a kernel's sums: parallel outside, vectors inside."""

from __future__ import annotations

import numpy as np
import pytest
import tvm
from tvm import s_tir, te, tirx
from tvmedge.schedules.steps.elementwise import WRITTEN_OUT, spread

from tests.cpu_kernels import random

AVX512 = {"kind": "llvm", "mtriple": "x86_64-linux-gnu", "mcpu": "skylake-avx512"}


def _scaled(lanes: int, padded: bool = False) -> s_tir.Schedule:
    """A channel's scale over its image, with channels in blocks of ``lanes``, spread."""
    x = te.placeholder((2, 5, 12, lanes), name="x")
    s = te.placeholder((2, lanes), name="s")

    def value(b: tirx.Var, r: tirx.Var, c: tirx.Var, v: tirx.Var) -> tirx.PrimExpr:
        product = x[b, r, c, v] * te.max(s[b, v] + 0.5, 0)
        return tirx.if_then_else(c + v > 3, product, 0) if padded else product

    function = te.create_prim_func([x, s, te.compute(x.shape, value, name="y")])
    schedule = s_tir.Schedule(tvm.IRModule({"main": function.with_attr("tirx.noalias", True)}))
    spread(schedule, schedule.get_sblock("y"))
    return schedule


@pytest.mark.parametrize("lanes", [4, 16])
def test_a_short_axis_is_one_vector(lanes: int) -> None:
    schedule = _scaled(lanes)
    x, s = random(2, 5, 12, lanes), random(2, lanes, seed=1)
    result = tvm.runtime.tensor(np.full(x.shape, np.nan, np.float32))
    built = tvm.compile(schedule.mod, target={"kind": "llvm", "num-cores": 2})
    built["main"](tvm.runtime.tensor(x), tvm.runtime.tensor(s), result)
    want = x * np.maximum(s + np.float32(0.5), 0)[:, None, None]
    np.testing.assert_allclose(result.numpy(), want, rtol=1e-6)
    assert "T.vectorized" in schedule.mod.script()
    code = str(tvm.compile(schedule.mod, target=AVX512).mod.inspect_source("asm"))
    assert "mulps" in code
    assert "gather" not in code and "scatter" not in code


@pytest.mark.parametrize(("lanes", "padded"), [(1, False), (WRITTEN_OUT + 1, False), (16, True)])
def test_other_axes_are_left_to_llvm(lanes: int, padded: bool) -> None:
    script = _scaled(lanes, padded).mod.script()
    assert "T.parallel" in script and "T.vectorized" not in script
