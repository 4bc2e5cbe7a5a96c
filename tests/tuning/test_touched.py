"""How many bytes a run touches: what is shared counts once, what is not read does not count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tvm
from onnx import TensorProto, helper

from tests.cpu_kernels import graph, random
from tvmedge.compiler.pipelines import run_phases, unscheduled_kernels
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of
from tvmedge.tuning.touched import touched

HOST = target("host")


def kernels(proto: object) -> tvm.IRModule:
    """As the search sees them."""
    module = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module
    with tvm.target.Target(HOST.tvm_target), tvm.transform.PassContext(opt_level=3):
        return run_phases(unscheduled_kernels(core_of(HOST)), module)


def test_tensors_between_kernels_share_memory() -> None:
    size, count = 64, 6
    weights = {f"w{i}": random(size, size, seed=i) for i in range(count)}
    nodes = [
        helper.make_node("MatMul", [f"x{i}" if i else "x", f"w{i}"], [f"x{i + 1}"])
        for i in range(count)
    ]
    x = random(32, size)
    found = touched(kernels(graph(nodes, {"x": x}, weights, f"x{count}")))
    fixed = sum(weight.nbytes for weight in weights.values()) + 2 * x.nbytes
    assert found is not None and fixed + x.nbytes <= found <= fixed + 2 * x.nbytes


@pytest.mark.parametrize("rows", [100, 100_000])
def test_of_a_table_counts_what_is_read(rows: int) -> None:
    table = {"t": random(rows, 16)}
    nodes = [helper.make_node("Gather", ["t", "x"], ["y"])]
    ids = np.zeros(50, np.int64)
    found = touched(kernels(graph(nodes, {"x": ids}, table, "y")))
    assert found is not None and found < 3 * 50 * 16 * 4


def test_what_only_a_run_knows() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8])
    open_size = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    assert touched(kernels(helper.make_model(open_size))) is None
