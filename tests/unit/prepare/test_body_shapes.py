"""States of loops get shapes exactly where they keep them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper

from tests.onnx_models import INT64, model, tensor
from tvmedge.model.prepare.expansions.body_shapes import BodyShapes, keeps_shapes

FLOAT, BOOL = TensorProto.FLOAT, TensorProto.BOOL


def _open(name: str, kind: int = FLOAT) -> onnx.ValueInfoProto:
    """A value of unknown rank."""
    return helper.make_value_info(name, helper.make_tensor_type_proto(kind, None))


def _loop(*body: tuple[str, str, str], **attributes: Any) -> ir.Model:
    """Two states: s [2, 4] and t [3]."""
    graph = helper.make_graph(
        [
            helper.make_node(op, inputs.split(), outputs.split(), **attributes)
            for op, inputs, outputs in body
        ]
        + [helper.make_node("Identity", ["c"], ["c2"])],
        "body",
        [_open("i", INT64), _open("c", BOOL), _open("s"), _open("t")],
        [_open("c2", BOOL), _open("s2"), _open("t2")],
    )
    nodes = [
        helper.make_node("Loop", ["n", "", "x", "v"], ["a", "b"], body=graph),
        helper.make_node("Neg", ["a"], ["y"]),
        helper.make_node("Neg", ["b"], ["z"]),
    ]
    inputs = [tensor("x", [2, 4]), tensor("v", [3]), tensor("n", [], INT64)]
    weights = {"w": np.ones(4, np.float32), "u": np.ones((5, 3), np.float32)}
    return ir.serde.deserialize_model(model(nodes, inputs, [_open("y"), _open("z")], weights))


def _node(graph: ir.Model) -> ir.Node:
    (node,) = (node for node in graph.graph if node.op_type == "Loop")
    return node


def test_a_state_that_keeps_its_shape_has_it_everywhere() -> None:
    graph = _loop(("Mul", "s w", "p"), ("Tanh", "p", "s2"), ("Neg", "t", "t2"))
    result = BodyShapes()(graph)
    node = _node(graph)
    body = node.attributes["body"].as_graph()
    assert result.modified
    assert keeps_shapes(node)
    assert [value.shape for value in node.outputs] == [[2, 4], [3]]
    assert [value.shape for value in body.inputs] == [[], [], [2, 4], [3]]
    assert next(iter(body)).outputs[0].shape == [2, 4]
    assert not BodyShapes()(graph).modified


def test_a_state_that_grows_has_no_shape_and_the_other_keeps_its_own() -> None:
    graph = _loop(("Concat", "s s", "s2"), ("Neg", "t", "t2"), axis=0)
    BodyShapes()(graph)
    node = _node(graph)
    assert not keeps_shapes(node)
    assert [value.shape for value in node.outputs] == [None, [3]]
    body = node.attributes["body"].as_graph()
    assert body.inputs[2].shape is None
    assert next(iter(body)).outputs[0].shape is None


def test_a_state_that_depends_on_one_that_grows_has_no_shape() -> None:
    """t keeps its shape in the first step only: [3] + [3], then [3] + [5, 3]."""
    graph = _loop(("Add", "s s", "q"), ("Identity", "u", "s2"), ("Add", "t s", "t2"))
    node = _node(graph)
    start = node.inputs[2]
    assert start is not None
    start.shape = ir.Shape([3])
    BodyShapes()(graph)
    assert not keeps_shapes(node)
    assert [value.shape for value in node.outputs] == [None, None]
