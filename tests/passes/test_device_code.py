"""What kernels of a GPU look like when TVM writes them: vectors in registers, one question."""

from __future__ import annotations

import re

import tvm
from tvm import s_tir, te, tirx

from tvmedge.compiler.passes.guard_once import GuardOnce
from tvmedge.compiler.passes.register_vectors import tir_pipeline

TARGET = {"kind": "opencl", "max_threads_per_block": 256, "host": {"kind": "llvm"}}
ITEMS, SIZE, GROUP = 5, 16, 4


def _schedule(*, padded: bool) -> s_tir.Schedule:
    """y[i, :] = x[i, :] by lanes times w: sums of an item of a ragged group."""
    x = te.placeholder((ITEMS, SIZE), name="x")
    w = te.placeholder((SIZE, 4), name="w")
    k = te.reduce_axis((0, SIZE), "k")

    def seen(i: tirx.Var, j: tirx.Var) -> tvm.ir.Expr:
        inside = tirx.all(i > 0, i < ITEMS)
        return tirx.if_then_else(inside, x[i, j], tirx.const(0.0, "float32")) if padded else x[i, j]

    pad = te.compute((ITEMS, SIZE), seen, name="pad")
    y = te.compute((ITEMS, 4), lambda i, o: te.sum(pad[i, k] * w[k, o], axis=k), name="y")
    schedule = s_tir.Schedule(te.create_prim_func([x, w, y]).with_attr("global_symbol", "main"))
    block = schedule.get_sblock("y")
    i, o, k = schedule.get_loops(block)
    groups, items = schedule.split(i, [None, GROUP])
    schedule.bind(groups, "blockIdx.x")
    schedule.bind(items, "threadIdx.x")
    k, lane = schedule.split(k, [None, 4])
    schedule.reorder(k, lane, o)
    schedule.unroll(lane)
    schedule.vectorize(o)
    schedule.set_scope("pad", 0, "local")
    schedule.compute_at(schedule.get_sblock("pad"), k, preserve_unit_loops=True)
    schedule.vectorize(schedule.get_loops(schedule.get_sblock("pad"))[-1])
    sums = schedule.cache_write(block, 0, "local")
    schedule.reverse_compute_at(sums, items)
    schedule.vectorize(schedule.get_loops(sums)[-1])
    start = schedule.decompose_reduction(block, k)
    schedule.vectorize(schedule.get_loops(start)[-1])
    return schedule


def _source(schedule: s_tir.Schedule) -> str:
    target = tvm.target.Target(TARGET)
    module = GuardOnce()(schedule.mod)
    with target, tvm.transform.PassContext(3, config={"tirx.disable_cse_tir": True}):
        built = tvm.tirx.build(module, target, tir_pipeline())
    return str(built.imports[0].inspect_source())


def test_data_is_kept_in_vectors() -> None:
    source = _source(_schedule(padded=False))
    assert re.search(r"float4 pad_local_ptr\[1\]", source)
    assert [f".s{lane})" in source for lane in range(4)] == [True] * 4
    assert source.count("vload4(") == 1 + 4
    assert "vstore4(" in source


def test_what_hangs_over_the_edge_is_asked_once() -> None:
    assert _source(_schedule(padded=False)).count("if (") == 1


def test_padding_is_chosen_without_a_branch() -> None:
    source = _source(_schedule(padded=True))
    assert source.count("if (") == 1
    assert re.search(r"= select\(\(float4\)\(0\.0+e\+00f\), vload4\(0, .* select\(0, ", source)


def test_what_is_chosen_from_memory_keeps_its_branch() -> None:
    x, z = (te.placeholder((8,), name=name) for name in "xz")
    y = te.compute(
        (16,), lambda i: tirx.if_then_else(i < 8, x[i], z[i - 8] * tirx.const(2.0, "float32"))
    )
    schedule = s_tir.Schedule(te.create_prim_func([x, z, y]).with_attr("global_symbol", "main"))
    (loop,) = schedule.get_loops(schedule.get_child_blocks(schedule.get_sblock("root"))[0])
    groups, items = schedule.split(loop, [None, GROUP])
    schedule.bind(groups, "blockIdx.x")
    schedule.bind(items, "threadIdx.x")
    source = _source(schedule)
    assert "select(" not in source
    assert source.count("if (") == 1
