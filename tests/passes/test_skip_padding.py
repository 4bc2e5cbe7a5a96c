"""Windows over padding read the image itself; rows of padding are not computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tvm
from onnx import NodeProto, helper
from tvm import tirx
from tvm.ir.expr import TensorLoad
from tvm.s_tir.stmt import SBlock
from tvm_ffi import structural_walk

from tests.cpu_kernels import CORES, Array, compiled, exact, graph, random
from tvmedge.compiler.pipelines import cpu_kernels, run_phases
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.tensors import max_normalised_error

FIRST, LAST = (["x", "u"], ["c"]), (["d", "v"], ["y"])
COLUMNS = (19, 20)  # 19: no tile of several columns divides it


def _layer(
    kind: str, window: int, stride: int, dilation: int, columns: int
) -> tuple[list[NodeProto], Array, dict[str, Array]]:
    """A window over 24 rows, between 1x1 convolutions that keep images in blocks of channels."""
    weights = {"w": random(32, 1, window, window, seed=1), "v": random(8, 32, 1, 1, seed=2)}
    weights["u"] = random(32, 4, 1, 1, seed=3)
    around = {"strides": [stride] * 2, "pads": [window // 2 * dilation] * 4}
    if kind != "AveragePool":
        around["dilations"] = [dilation] * 2
    depthwise = {"group": 32} if kind == "Conv" else {}
    given = ["c", "w"] if kind == "Conv" else ["c"]
    window_node = helper.make_node(
        kind, given, ["d"], kernel_shape=[window] * 2, **depthwise, **around
    )
    if kind != "Conv":
        del weights["w"]
    first, last = (helper.make_node("Conv", *names) for names in (FIRST, LAST))
    return [first, window_node, last], random(1, 4, 24, columns), weights


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("kind", ["Conv", "MaxPool"])
@pytest.mark.parametrize(("window", "stride", "dilation"), [(3, 1, 1), (5, 2, 1), (3, 2, 2)])
@pytest.mark.parametrize("core", ["avx512", "avx2", "armv7"])
def test_results_stay(
    core: str, window: int, stride: int, dilation: int, kind: str, columns: int
) -> None:
    nodes, x, weights = _layer(kind, window, stride, dilation, columns)
    result, _ = compiled(graph(nodes, {"x": x}, weights, "y"), {"x": x}, CORES[core])
    assert max_normalised_error(result, exact(nodes, {"x": x}, weights, "y")) <= 1e-5


@pytest.mark.parametrize("core", ["avx512", "avx2"])
@pytest.mark.parametrize("kind", ["Conv", "MaxPool", "AveragePool"])
def test_no_copy_is_made_and_rows_of_padding_are_left_out(core: str, kind: str) -> None:
    kernel = _scheduled(core, kind)
    blocks: list[SBlock] = []
    structural_walk(kernel.body, (SBlock, blocks.append))
    assert "pad" not in {block.name_hint for block in blocks}
    questions: list[tirx.IfThenElse] = []
    structural_walk(kernel.body, (tirx.IfThenElse, questions.append))
    image = kernel.params[0]
    assert any(_reads(question.then_case, image) for question in questions)


def test_neon_copies_its_padding() -> None:
    blocks: list[SBlock] = []
    structural_walk(_scheduled("neon", "Conv").body, (SBlock, blocks.append))
    assert "pad" in {block.name_hint for block in blocks}


def test_what_padding_asks_wakes_no_threads() -> None:
    # 26,000 products' loads and stores, 112,000 operations if questions were calls.
    assert "T.parallel" not in _scheduled("avx512", "Conv").script()


def _scheduled(core: str, kind: str) -> tirx.PrimFunc:
    nodes, x, weights = _layer(kind, 3, 1, 1, 20)
    proto = graph(nodes, {"x": x}, weights, "y")
    module = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module
    with tvm.target.Target("llvm"), tvm.transform.PassContext(opt_level=3):
        lowered = run_phases(cpu_kernels(CORES[core]), module)
    names = ("depthwise", "max_pool", "avg_pool", "fused_depthwise")
    (kernel,) = (f for n, f in lowered.functions.items() if n.name_hint.startswith(names))
    return kernel


def _reads(statement: Any, buffer: Any) -> bool:
    loads: list[TensorLoad] = []
    structural_walk(statement, (TensorLoad, loads.append))
    return any(load.source.same_as(buffer) for load in loads)
