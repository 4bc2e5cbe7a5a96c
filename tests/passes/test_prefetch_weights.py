"""Weights of the next group of channels are fetched, each line by one tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tvm
from onnx import helper
from tvm import tirx
from tvm_ffi import structural_map

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tvmedge.compiler.pipelines import cpu_kernels, run_phases
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model

CASES = {
    "1x1": ((1, 160, 7, 7), (96, 160, 1, 1), {}),
    "3x3, strided": ((1, 32, 9, 9), (80, 32, 3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    "groups": ((1, 128, 5, 5), (128, 64, 1, 1), {"group": 2}),
}


@pytest.mark.parametrize("core", ["avx512", "avx2"])
@pytest.mark.parametrize("case", CASES)
def test_results_stay(case: str, core: str) -> None:
    shape, weights, attributes = CASES[case]
    nodes = [helper.make_node("Conv", ["x", "w"], ["out"], **attributes)]
    inputs, constants = {"x": random(*shape)}, {"w": random(*weights, seed=1)}
    wanted = exact(nodes, inputs, constants, "out")
    small = replace(CORES[core], l1_kib=1)
    got, _ = compiled(graph(nodes, inputs, constants, "out"), inputs, small)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


def _scheduled(core: str, case: str, l1_kib: int = 1) -> tirx.PrimFunc:
    shape, weights, attributes = CASES[case]
    nodes = [helper.make_node("Conv", ["x", "w"], ["out"], **attributes)]
    proto = graph(nodes, {"x": random(*shape)}, {"w": random(*weights)}, "out")
    module = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module
    with tvm.target.Target("llvm"), tvm.transform.PassContext(opt_level=3):
        lowered = run_phases(cpu_kernels(replace(CORES[core], l1_kib=l1_kib)), module)
    (kernel,) = (f for n, f in lowered.functions.items() if n.name_hint.startswith("conv"))
    return kernel


def test_the_tiles_of_a_group_fetch_all_of_the_next() -> None:
    kernel, lanes = _scheduled("avx512", "1x1"), CORES["avx512"].lanes
    fetched = [
        indices
        for loops, indices in _fetches(kernel.body, ())
        for indices in _values(loops, indices)
    ]
    groups = {indices[0] for indices in fetched}
    blocks, channels = 96 // lanes, 160 // lanes
    inside = {indices for indices in fetched if indices[0] < blocks}
    first = min(groups)
    assert 0 < first < blocks
    assert inside == set(
        product(range(first, blocks), range(channels), (0,), (0,), range(lanes), (0,))
    )


def _fetches(
    statement: tirx.Stmt, loops: tuple[tirx.For, ...]
) -> Iterator[tuple[tuple[tirx.For, ...], Sequence[tvm.ir.Expr]]]:
    """What is fetched, and the loops around it."""
    if isinstance(statement, tirx.For):
        yield from _fetches(statement.body, (*loops, statement))
    elif isinstance(statement, tirx.SeqStmt):
        for part in statement.seq:
            yield from _fetches(part, loops)
    elif isinstance(statement, tvm.s_tir.SBlockRealize) and not statement.iter_values:
        yield from _fetches(statement.block.body, loops)
    elif isinstance(statement, tirx.Evaluate):
        yield loops, statement.value.args[0].args[0].indices


def _values(loops: Sequence[tirx.For], indices: Sequence[tvm.ir.Expr]) -> Iterator[tuple[int, ...]]:
    known = tvm.sym.Analyzer()
    for at in product(*(range(int(loop.extent)) for loop in loops)):
        values = {loop.loop_var: tirx.const(i) for loop, i in zip(loops, at, strict=True)}
        put = (tirx.Var, lambda variable, values=values: values.get(variable, variable))
        yield tuple(int(known.simplify(structural_map(index, put))) for index in indices)


@pytest.mark.parametrize(("core", "l1_kib"), [("neon", 1), ("avx512", 512)])
def test_nothing_is_fetched_where_it_does_not_pay(core: str, l1_kib: int) -> None:
    assert not list(_fetches(_scheduled(core, "1x1", l1_kib).body, ()))
