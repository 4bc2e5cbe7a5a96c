"""A result takes the memory of an argument that dies, where the kernel allows it."""

from __future__ import annotations

import numpy as np
import pytest
import tvm
from tvm import relax, te, tirx, topi
from tvm.relax import transform
from tvm.script import tirx as T
from tvmedge.schedules.rules.cpu.last import Last

from tvmedge.compiler.passes.in_place import InPlace
from tvmedge.compiler.pipelines import run_phases, vm_lowering
from tvmedge.scheduling.engine import schedule
from tvmedge.scheduling.in_place import replaceable
from tvmedge.targeting.core import Core

CORE = Core(16, 32, memory_operand=True)


def _elementwise() -> tirx.PrimFunc:
    x, b = te.placeholder((4, 1, 6), name="x"), te.placeholder((6,), name="b")
    return te.create_prim_func([x, b, topi.nn.relu(topi.add(topi.exp(x), b))])


def _dense_and_residual() -> tirx.PrimFunc:
    x, w = te.placeholder((4, 8), name="x"), te.placeholder((6, 8), name="w")
    r = te.placeholder((4, 6), name="r")
    return te.create_prim_func([x, w, r, topi.add(topi.nn.dense(x, w), r)])


def _square_product() -> tirx.PrimFunc:
    x, w = te.placeholder((6, 6), name="x"), te.placeholder((6, 6), name="w")
    return te.create_prim_func([x, w, topi.nn.dense(x, w)])


def _softmax() -> tirx.PrimFunc:
    x = te.placeholder((4, 6), name="x")
    return te.create_prim_func([x, topi.nn.softmax(x)])


def _transposed() -> tirx.PrimFunc:
    x = te.placeholder((6, 6), name="x")
    return te.create_prim_func([x, topi.add(x, topi.transpose(x))])


def _widened() -> tirx.PrimFunc:
    x = te.placeholder((4, 6), name="x")
    return te.create_prim_func([x, topi.cast(x, "float64")])


def _cumulative() -> tirx.PrimFunc:
    x = te.placeholder((6,), name="x")
    k = te.reduce_axis((0, 6), "k")
    zero = tirx.const(0.0, "float32")
    total = te.compute((6,), lambda i: te.sum(tirx.if_then_else(k <= i, x[k], zero), axis=k))
    return te.create_prim_func([x, total])


@T.prim_func(s_tir=True)
def _twice(x: T.Buffer((8,), "float32"), y: T.Buffer((8,), "float32")):
    for _again, i in T.grid(2, 8):
        with T.sblock("twice"):
            v = T.axis.spatial(8, i)
            y[v] = x[v] * T.float32(2)


@T.prim_func(s_tir=True)
def _next(x: T.Buffer((8,), "float32"), y: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.sblock("next"):
            v = T.axis.spatial(8, i)
            y[v] = T.if_then_else(v < 7, x[v + 1], x[v])


@T.prim_func(s_tir=True)
def _loops_without_blocks(x: T.Buffer((8,), "float32"), y: T.Buffer((8,), "float32")):
    for i in range(8):
        y[i] = x[i]


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (_elementwise(), {2: {0}}),
        (_dense_and_residual(), {3: {2}}),
        (_square_product(), {}),
        (_softmax(), {}),
        (_transposed(), {}),
        (_widened(), {}),
        (_cumulative(), {}),
    ],
    ids=["elementwise", "residual", "product", "softmax", "transposed", "widened", "cumulative"],
)
def test_what_may_lie_in_place_of_what(func: tirx.PrimFunc, expected: dict[int, set[int]]) -> None:
    scheduled = schedule(tvm.IRModule({"main": func}), (Last(),), CORE)
    assert replaceable(scheduled.module["main"]) == expected


@pytest.mark.parametrize("func", [_twice, _next, _loops_without_blocks])
def test_elements_are_read_and_written_once_at_one_place(func: tirx.PrimFunc) -> None:
    assert replaceable(func) == {}


def _network(*, kept: bool = False, alike: bool = False) -> tvm.IRModule:
    """y = x + b, z = y - b (or y + b if ``alike``), unfused; y is a result as well if ``kept``."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4, 6), "float32"))
    b = relax.Var("b", relax.TensorType((6,), "float32"))
    op = relax.op
    with builder.function("main", [x, b]):
        with builder.dataflow():
            y = builder.emit(op.add(x, b))
            z = builder.emit(op.add(y, b) if alike else op.subtract(y, b))
            out = builder.emit_output(relax.Tuple([z, y]) if kept else z)
        builder.emit_func_output(out)
    module = transform.LegalizeOps()(builder.get())
    return schedule(module, (Last(),), CORE).module


def _calls(module: tvm.IRModule) -> tvm.IRModule:
    for step in vm_lowering()[0].passes:
        if not isinstance(step, InPlace):
            module = step(module)
    return module


def _tensors(module: tvm.IRModule) -> int:
    return module["main"].script().count("alloc_tensor")


def _run(module: tvm.IRModule) -> list[np.ndarray]:
    target = tvm.target.Target("llvm")
    with target, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases(vm_lowering()[1:], module)
        machine = relax.VirtualMachine(relax.build(lowered, target, relax_pipeline=None), tvm.cpu())
    random = np.random.default_rng(0)
    inputs = [random.random(shape).astype("float32") for shape in ((4, 6), (6,))]
    given = [tvm.runtime.tensor(array) for array in inputs]
    result = machine["main"](*given)
    for array, tensor in zip(inputs, given, strict=True):
        np.testing.assert_array_equal(array, tensor.numpy())
    return [one.numpy() for one in ([result] if hasattr(result, "numpy") else result)]


@pytest.mark.parametrize(
    ("module", "tensors"),
    [(_network(), 1), (_network(kept=True), 2), (_network(alike=True), 2)],
    ids=["dies", "kept", "one kernel"],
)
def test_only_what_dies_is_overwritten(module: tvm.IRModule, tensors: int) -> None:
    """The first kernel reads the caller's input, so it cannot; a kernel that both calls
    share then stays as it is."""
    before = _calls(module)
    after = InPlace()(before)
    relax.analysis.well_formed(after)
    assert (_tensors(before), _tensors(after)) == (2, tensors)
    for want, got in zip(_run(before), _run(after), strict=True):
        np.testing.assert_array_equal(want, got)
