"""Optional tensors."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes.common import ShapeInferencePass

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.expansions.optionals import Optionals, PresentInputs

X = np.array([1, 2, 3, 4], np.float32)


def _optional_input(nodes: list[onnx.NodeProto], output: onnx.ValueInfoProto) -> ir.Model:
    type_ = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [4]))
    given = helper.make_value_info("x", type_)
    return ir.serde.deserialize_model(model(nodes, [given], [output], opset=18))


def _run(graph: ir.Model, feeds: dict[str, np.ndarray]) -> np.ndarray:
    Optionals()(graph)
    assert not any("Optional" in node.op_type for node in graph.graph)
    (y,) = ReferenceEvaluator(ir.serde.serialize_model(graph)).run(None, feeds)
    return np.asarray(y)


def test_what_is_given_is_there() -> None:
    node = helper.make_node("OptionalHasElement", ["x"], ["y"])
    graph = _optional_input([node], tensor("y", [], TensorProto.BOOL))
    assert PresentInputs()(graph).modified
    assert graph.graph.inputs[0].shape == [4]
    assert _run(graph, {"x": X})


@pytest.mark.parametrize("wrapped", [False, True])
def test_its_element_is_the_tensor(wrapped: bool) -> None:
    nodes = [helper.make_node("OptionalGetElement", ["o" if wrapped else "x"], ["y"])]
    if wrapped:
        nodes.insert(0, helper.make_node("Optional", ["x"], ["o"]))
    graph = _optional_input(nodes, tensor("y", [4]))
    PresentInputs()(graph)
    for _ in range(2):  # types are inferred between the rewrites
        graph = ShapeInferencePass()(graph).model
        Optionals()(graph)
    np.testing.assert_array_equal(_run(graph, {"x": X}), X)


@pytest.mark.parametrize("inputs", [[], [""], ["o"]])
def test_what_is_left_out_is_not(inputs: list[str]) -> None:
    nodes = [helper.make_node("OptionalHasElement", inputs, ["y"])]
    if inputs == ["o"]:
        type_ = helper.make_tensor_type_proto(TensorProto.FLOAT, [4])
        nodes.insert(0, helper.make_node("Optional", [], ["o"], type=type_))
    proto = model(nodes, [], [tensor("y", [], TensorProto.BOOL)], opset=18)
    graph = ir.serde.deserialize_model(proto)
    Optionals()(graph)
    assert "OptionalHasElement" not in [node.op_type for node in graph.graph]
    (constant,) = [node for node in graph.graph if node.op_type == "Constant"]
    assert not constant.attributes["value"].as_tensor().numpy().item()
