"""Half precision is rounded to where it is stored, not between operators."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.expansions.half_chains import HalfChains
from tvmedge.model.prepare.expansions.half_precision import HalfPrecision
from tvmedge.model.prepare.operators.constant_where import ConstantWhere

HALF = TensorProto.FLOAT16


def _operators(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> list[str]:
    proto = model(nodes, [tensor("x", [3, 4], HALF)], [tensor("y", [3, 4], HALF)], weights)
    graph = ir.serde.deserialize_model(onnx.shape_inference.infer_shapes(proto))
    HalfChains()(HalfPrecision()(graph).model)
    ops = [node.op_type for node in graph.graph]
    names = {value for node in graph.graph for value in node.inputs}
    names.update(graph.graph.outputs)
    return [op for op, node in zip(ops, graph.graph, strict=True) if names & set(node.outputs)]


@pytest.mark.parametrize("constant", [False, True])
def test_a_product_of_what_was_just_rounded(constant: bool) -> None:
    nodes = [
        helper.make_node("Softmax", ["x"], ["p"]),
        helper.make_node("Transpose", ["x"], ["t"]),
        helper.make_node("MatMul", ["t", "x"], ["s"]),
        helper.make_node("MatMul", ["p", "w" if constant else "s"], ["y"]),
    ]
    used = _operators(nodes, {"w": np.eye(4, dtype=np.float16)} if constant else {})
    # Weights stay narrow, and so does what they are multiplied with.
    assert used[-1] == ("MatMul" if constant else "Cast")


def test_one_sum_after_the_other() -> None:
    nodes = [
        helper.make_node("Softmax", ["x"], ["p"]),
        helper.make_node("LogSoftmax", ["p"], ["y"]),
    ]
    assert _operators(nodes, {}) == ["Cast", "Softmax", "Identity", "LogSoftmax", "Cast"]


def test_the_models_own_rounding_stays() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["a"], ["b"], to=HALF),
        helper.make_node("MatMul", ["b", "w"], ["y"]),
    ]
    used = _operators(nodes, {"w": np.eye(4, dtype=np.float16)})
    assert used == ["Cast", "Cast", "MatMul"]


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("shape", [[1], [3, 4]])
def test_a_where_that_always_says_the_same(always: bool, shape: list[int]) -> None:
    node = helper.make_node("Where", ["c", "a", "b"], ["y"])
    declared = [tensor("a", shape), tensor("b", [3, 4])]
    known = {"c": np.full((3, 1), always)}
    proto = model([node], declared, [tensor("y", [3, 4])], known)
    feeds = {"a": np.full(shape, 7, np.float32), "b": np.arange(12, dtype=np.float32).reshape(3, 4)}
    assert "Where" not in check_rewrite(ConstantWhere(), proto, feeds)


def test_a_where_that_picks_stays() -> None:
    node = helper.make_node("Where", ["c", "a", "b"], ["y"])
    declared = [tensor("a", [2]), tensor("b", [2])]
    proto = model([node], declared, [tensor("y", [2])], {"c": np.array([True, False])})
    assert not ConstantWhere()(ir.serde.deserialize_model(proto)).modified
