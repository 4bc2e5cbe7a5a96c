"""Loops that are to stay loops do, in both forms of a kernel, and compute the same."""

from __future__ import annotations

import numpy as np
import pytest
import tvm
from tvm import s_tir, tirx
from tvm.script import tirx as T

from scripts.arm.loops import Loop, innermost
from tvmedge.compiler.library.lower import lower
from tvmedge.compiler.passes.small_on_stack import tir_pipeline
from tvmedge.scheduling.plan import KEPT
from tvmedge.targeting import target

SPEC = target("raspberry-pi-4b")


@T.prim_func(s_tir=True)
def _rows(x: T.Buffer((4, 16), "float32"), y: T.Buffer((4, 16), "float32")):
    for i, j in T.grid(4, 16):
        with T.sblock("twice"):
            row, column = T.axis.remap("SS", [i, j])
            y[row, column] = x[row, column] * T.float32(2)


def _kernel(kept: bool) -> tvm.IRModule:
    schedule = s_tir.Schedule(_rows)
    row, column = schedule.get_loops(schedule.get_sblock("twice"))
    schedule.vectorize(column)
    if kept:
        schedule.annotate(row, KEPT, 1)
    function: tirx.PrimFunc = schedule.mod["main"].with_attr("global_symbol", "kernel")
    return tvm.IRModule({"kernel": function})


def _loops(kept: bool) -> list[Loop]:
    for_arm = tvm.target.Target(SPEC.tvm_target)
    with for_arm, tvm.transform.PassContext(opt_level=3):
        lowered = lower(_kernel(kept), for_arm)
        built = tvm.get_global_func("target.build.llvm")(lowered, for_arm)
    return innermost(built.inspect_source("asm"))


def test_a_short_loop_stays_only_where_it_is_to() -> None:
    assert _loops(kept=False) == []
    loops = _loops(kept=True)  # of several turns at a time LLVM makes two
    assert loops
    assert not any(loop.spills or loop.calls for loop in loops)


@pytest.mark.parametrize("kept", [False, True])
def test_it_computes_the_same(kept: bool) -> None:
    library = tvm.tirx.build(_kernel(kept), tvm.target.Target("llvm"), pipeline=tir_pipeline())
    x, y = np.arange(64, dtype=np.float32).reshape(4, 16), tvm.runtime.empty((4, 16), "float32")
    library["kernel"](tvm.runtime.tensor(x), y)
    np.testing.assert_array_equal(y.numpy(), 2 * x)
