"""What is quantised while the model runs: products stay integers, images stay in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.cpu_kernels import CORES, graph, runner
from tests.quantised_graphs import INTEGER_CORES, random_codes
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting.core import Core

Array = NDArray[Any]
DYNAMIC = helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])
ALL = CORES | {f"integer-{name}": core for name, core in INTEGER_CORES.items()}


def _run(proto: onnx.ModelProto, feeds: Sequence[Array], core: Core) -> tuple[Array, list[Choice]]:
    proto = onnx.shape_inference.infer_shapes(proto)
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    seen: dict[str, Choice] = {}
    (result,) = runner(imported.module, core, seen.update)(feeds)
    return result, list(seen.values())


def _product(dtype: str, zeros: Array, x: Array) -> onnx.ModelProto:
    nodes = [
        DYNAMIC,
        helper.make_node("MatMulInteger", ["q", "w", "z", "wz"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", ["f", "s"], ["y"]),
    ]
    weights = {"w": random_codes((70, 45), dtype, 3), "wz": zeros.astype(dtype)}
    return graph(nodes, {"x": x}, weights, "y")


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("each", [False, True], ids=["one zero", "a zero a column"])
@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("core", INTEGER_CORES.values(), ids=INTEGER_CORES)
def test_products_are_exact(dtype: str, each: bool, rows: int, core: Core) -> None:
    limits = np.iinfo(dtype)
    zeros = np.linspace(limits.min, limits.max, 45).astype(int) if each else np.array(limits.max)
    x = np.random.default_rng(rows).normal(0.7, 2, (3, rows, 70)).astype(np.float32)
    proto = _product(dtype, zeros, x)
    result, seen = _run(proto, [x], core)
    (expected,) = ReferenceEvaluator(proto).run(None, {"x": x})
    np.testing.assert_array_equal(result, expected)
    assert "dot_product" in {choice.rule for choice in seen}


def test_zeros_alone_have_no_scale() -> None:
    x = np.zeros((2, 70), np.float32)
    result, _ = _run(_product("uint8", np.array(119), x), [x], INTEGER_CORES["avx512"])
    np.testing.assert_array_equal(result, np.zeros((2, 45), np.float32))


def _convolutions(channels: int, x: Array) -> onnx.ModelProto:
    """Two, each of an image quantised dynamically, with SiLU between them."""
    nodes = [DYNAMIC]
    sources = {"x": ("q", "s", "z")}
    weights: dict[str, Array] = {}
    for at, (source, into, shape) in enumerate(
        [("x", "a", (channels, 3, 3, 3)), ("g", "b", (5, channels, 1, 1))]
    ):
        if source not in sources:
            sources[source] = ("gq", "gs", "gz")
            nodes.append(helper.make_node("DynamicQuantizeLinear", [source], ["gq", "gs", "gz"]))
        codes, scale, zero = sources[source]
        weights |= {
            f"w{at}": random_codes(shape, "uint8", at),
            f"wz{at}": np.array(121, np.uint8),
            f"b{at}": np.arange(shape[0], dtype=np.int32).reshape(1, -1, 1, 1) * 100 - 900,
        }
        pads = {"pads": [1] * 4} if shape[2] == 3 else {}
        nodes += [
            helper.make_node("ConvInteger", [codes, f"w{at}", zero, f"wz{at}"], [f"i{at}"], **pads),
            helper.make_node("Add", [f"i{at}", f"b{at}"], [f"t{at}"]),
            helper.make_node("Cast", [f"t{at}"], [f"f{at}"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [f"f{at}", scale], [into]),
        ]
        if at == 0:
            nodes += [
                helper.make_node("Sigmoid", ["a"], ["e"]),
                helper.make_node("Mul", ["a", "e"], ["g"]),
            ]
    return graph(nodes, {"x": x}, weights, "b")


@pytest.mark.parametrize("channels", [32, 24])
@pytest.mark.parametrize("core", ALL.values(), ids=ALL)
def test_convolutions_stay_in_blocks(channels: int, core: Core) -> None:
    """What a sigmoid of ours rounds otherwise may be one step of a code off."""
    x = np.random.default_rng(channels).normal(0.1, 1, (1, 3, 9, 11)).astype(np.float32)
    proto = _convolutions(channels, x)
    result, seen = _run(proto, [x], core)
    (expected,) = ReferenceEvaluator(proto).run(None, {"x": x})
    off = np.abs(result - expected).max() / np.abs(expected).max()
    assert off <= 1 / 255
    names = [choice.rule for choice in seen]
    assert names.count("conv") == 2
