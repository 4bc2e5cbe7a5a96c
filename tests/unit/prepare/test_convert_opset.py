"""Lifting old opsets."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper

from tests.onnx_models import conv_net, model, tensor
from tvmedge.errors import InputError
from tvmedge.model.prepare.convert_opset import CONVERTED_OPSET, NEWEST_OPSET, ConvertOpset


def _old_slice() -> ir.Model:
    node = helper.make_node("Slice", ["x"], ["y"], name="s", starts=[0], ends=[2])
    proto = model([node], [tensor("x", [4])], [tensor("y", [2])], opset=9)
    return ir.serde.deserialize_model(proto)


def test_attributes_become_inputs() -> None:
    converted = ConvertOpset()(_old_slice()).model
    node = next(n for n in converted.graph if n.op_type == "Slice")
    assert converted.opset_imports[""] == CONVERTED_OPSET
    assert not node.attributes
    assert len(node.inputs) >= 3


def test_a_recent_model_is_left_alone() -> None:
    proto = conv_net()
    proto.opset_import[0].version = 21
    result = ConvertOpset()(ir.serde.deserialize_model(proto))
    assert not result.modified
    assert result.model.opset_imports[""] == 21


def test_an_opset_from_the_future_is_refused() -> None:
    graph = ir.serde.deserialize_model(conv_net())
    graph.opset_imports[""] = NEWEST_OPSET + 1
    with pytest.raises(Exception) as caught:
        ConvertOpset()(graph)
    assert isinstance(caught.value.__cause__ or caught.value, InputError)


def test_large_weights_go_round_the_converter() -> None:
    weights = {"w": np.arange(1 << 14, dtype=np.float32), "axes": np.array([0])}
    nodes = [
        helper.make_node("Add", ["x", "w"], ["sum"]),
        helper.make_node("Unsqueeze", ["sum", "axes"], ["y"]),
    ]
    proto = model(nodes, [tensor("x", [1 << 14])], [tensor("y", [None, None])], weights, opset=13)
    given = ir.serde.deserialize_model(proto)
    converted = ConvertOpset()(given).model
    for graph in (given.graph, converted.graph):
        assert [value.name for value in graph.inputs] == ["x"]
        assert set(graph.initializers) == {"w", "axes"}
        tensor_ = graph.initializers["w"].const_value
        assert tensor_ is not None
        np.testing.assert_array_equal(tensor_.numpy(), weights["w"])
    assert converted.opset_imports[""] == CONVERTED_OPSET


def test_a_model_that_imports_no_opset_of_onnx_gets_one() -> None:
    graph = ir.serde.deserialize_model(conv_net())
    del graph.opset_imports[""]
    assert ConvertOpset()(graph).model.opset_imports[""] == CONVERTED_OPSET
