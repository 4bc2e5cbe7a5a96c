"""Folding what shapes make constant."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx import helper

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.fold import Fold


def test_arithmetic_on_shapes_becomes_a_constant() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    weights = {"zero": np.array([0]), "rest": np.array([-1])}
    proto = model(nodes, [tensor("x", [2, 3, 4])], [tensor("y", [None, None])], weights)
    folded = Fold()(ir.serde.deserialize_model(proto)).model
    assert [node.op_type for node in folded.graph] == ["Reshape"]
    shape = folded.graph.outputs[0].shape
    assert shape is not None and list(shape.numpy()) == [2, 12]


def test_a_dequantized_constant_stays_quantized() -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scale"], ["d"]),
        helper.make_node("Add", ["x", "d"], ["y"]),
    ]
    weights = {"w": np.arange(4, dtype=np.int8), "scale": np.float32(0.5).reshape(())}
    proto = model(nodes, [tensor("x", [4])], [tensor("y", [4])], weights)
    folded = Fold()(ir.serde.deserialize_model(proto)).model
    assert [node.op_type for node in folded.graph] == ["DequantizeLinear", "Add"]


def test_a_constant_condition_leaves_one_branch() -> None:
    def branch(name: str, op: str) -> object:
        node = helper.make_node(op, ["x"], [name])
        return helper.make_graph([node], name, [], [tensor(name, [2])])

    nodes = [
        helper.make_node("Equal", ["one", "one"], ["c"]),
        helper.make_node(
            "If", ["c"], ["y"], then_branch=branch("a", "Relu"), else_branch=branch("b", "Neg")
        ),
    ]
    proto = model(
        nodes,
        [tensor("x", [2])],
        [tensor("y", [2])],
        {"one": np.array(1, dtype=np.int64)},
    )
    folded = Fold()(ir.serde.deserialize_model(proto)).model
    assert [node.op_type for node in folded.graph] == ["Relu"]
