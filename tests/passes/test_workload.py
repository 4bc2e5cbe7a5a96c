"""The key of a kernel: names do not matter, everything else does."""

from __future__ import annotations

import dataclasses

import pytest
import tvm
from tvm import te, tirx
from tvm.script import tirx as T

from tvmedge.scheduling.workload import hash_of, key_of, target_key
from tvmedge.targeting import target


def _scaled(size: int = 4, names: tuple[str, str] = ("x", "y"), by: float = 2.0) -> tirx.PrimFunc:
    x = te.placeholder((size, 16), name=names[0])
    y = te.compute((size, 16), lambda i, j: x[i, j] * by, name=names[1])
    return te.create_prim_func([x, y])


def _open(symbol: str) -> tirx.PrimFunc:
    x = te.placeholder((te.var(symbol, "int64"), 4), name="x")
    y = te.compute(x.shape, lambda i, j: x[i, j] + 1.0, name="y")
    return te.create_prim_func([x, y])


def test_names_do_not_matter() -> None:
    named = _scaled(names=("weights", "T_relu"))
    assert hash_of(_scaled()) == hash_of(named.with_attr("global_symbol", "fused_relu"))
    assert hash_of(_open("n")) == hash_of(_open("unk__17"))


def test_sizes_and_constants_do() -> None:
    hashes = {hash_of(f) for f in (_scaled(), _scaled(5), _scaled(by=3.0), _open("n"))}
    assert len(hashes) == 4


def test_which_argument_is_read_matters() -> None:
    @T.prim_func(s_tir=True)
    def first(a: T.Buffer((4,)), b: T.Buffer((4,)), c: T.Buffer((4,))) -> None:
        for i in range(4):
            with T.sblock("c"):
                j = T.axis.spatial(4, i)
                c[j] = a[j]

    @T.prim_func(s_tir=True)
    def second(a: T.Buffer((4,)), b: T.Buffer((4,)), c: T.Buffer((4,))) -> None:
        for i in range(4):
            with T.sblock("c"):
                j = T.axis.spatial(4, i)
                c[j] = b[j]

    assert hash_of(first) != hash_of(second)


def test_what_a_block_says_of_itself_matters() -> None:
    def marked(kernel: str) -> tirx.PrimFunc:
        schedule = tvm.s_tir.Schedule(_scaled())
        schedule.annotate(schedule.get_sblock("y"), "tvmedge.kernel", kernel)
        return schedule.mod["main"]

    assert hash_of(marked("conv")) != hash_of(marked("depthwise"))


@pytest.mark.parametrize("other", ["raspberry-pi-3b", "raspberry-pi-5"])
def test_a_sibling_is_another_target(other: str) -> None:
    assert target_key(target("raspberry-pi-4b")) != target_key(target(other))


def test_what_a_core_is_known_to_have_is_part_of_its_key() -> None:
    spec = target("raspberry-pi-4b")
    clusters = {n: dataclasses.replace(c, l2_kib=512) for n, c in spec.board.clusters.items()}
    halved = dataclasses.replace(spec, board=dataclasses.replace(spec.board, clusters=clusters))
    assert target_key(halved) != target_key(spec)
    assert target_key(target("raspberry-pi-4b")) == target_key(spec)


def test_the_cost_source_is_part_of_the_key() -> None:
    spec = target("raspberry-pi-4b")
    counted, timed = (key_of(_scaled(), spec, cost) for cost in ("instructions", "time"))
    assert counted.workload == timed.workload
    assert counted != timed
