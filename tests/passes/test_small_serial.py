"""Small kernels lose their parallel loops, large ones and open ones keep them."""

from __future__ import annotations

import pytest
import tvm
from tvm import te, tirx, topi
from tvmedge.schedules.rules.cpu.last import Last

from tests.cpu_kernels import CORES
from tvmedge.compiler.passes.small_serial import SmallSerial
from tvmedge.scheduling.engine import schedule

CORE = CORES["avx2"]


def _relu(rows: int | tirx.Var) -> tirx.PrimFunc:
    x = te.placeholder((rows, 64), name="x")
    return te.create_prim_func([x, topi.nn.relu(x)])


def _copy() -> tirx.PrimFunc:
    x = te.placeholder((3000, 64), name="x")
    return te.create_prim_func([x, topi.identity(x)])


def _exp() -> tirx.PrimFunc:
    x = te.placeholder((200, 64), name="x")
    return te.create_prim_func([x, topi.exp(x)])


@pytest.mark.parametrize(
    ("func", "parallel"),
    [
        (_relu(200), False),
        (_relu(2000), True),
        (_relu(tirx.Var("n", "int64")), True),
        (_copy(), True),  # few operations, 1.5 MB
        (_exp(), True),  # as many elements as the first, which take longer
    ],
    ids=["small", "large", "open", "copy", "exp"],
)
def test_threads_are_woken_for_work(func: tirx.PrimFunc, parallel: bool) -> None:
    scheduled = schedule(tvm.IRModule({"main": func}), (Last(),), CORE).module
    assert "T.parallel" in scheduled["main"].script()
    assert ("T.parallel" in SmallSerial(CORE)(scheduled)["main"].script()) is parallel
