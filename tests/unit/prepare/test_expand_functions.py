"""Operators replaced by ONNX's own function bodies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_ir.serde import deserialize_model

from tests.onnx_models import INT64, model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.expansions.expand_functions import ExpandFunctions

X = np.arange(-6, 6, dtype=np.float32).reshape(3, 4) / 3


@pytest.mark.parametrize("op", ["Swish", "Celu"])
def test_an_attribute_is_given_or_the_schemas_default(op: str) -> None:
    choices: tuple[dict[str, Any], ...] = ({}, {"alpha": 2.0})
    for attributes in choices:
        node = helper.make_node(op, ["x"], ["y"], **attributes)
        proto = model([node], [tensor("x", [3, 4])], [tensor("y", [3, 4])], opset=24)
        assert op not in check_rewrite(ExpandFunctions(), proto, {"x": X})


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_body_that_depends_on_types(reduction: str) -> None:
    node = helper.make_node(
        "SoftmaxCrossEntropyLoss", ["x", "t", "w"], ["y", "p"], reduction=reduction, ignore_index=1
    )
    shape = [3] if reduction == "none" else []
    proto = model(
        [node],
        [tensor("x", [3, 4]), tensor("t", [3], INT64), tensor("w", [4])],
        [tensor("y", shape), tensor("p", [3, 4])],
        opset=18,
    )
    weights = np.array([1, 2, 3, 4], np.float32)
    inputs: dict[str, Any] = {"x": X, "t": np.array([3, 1, 0]), "w": weights}
    after = check_rewrite(ExpandFunctions(), proto, inputs)
    assert "NegativeLogLikelihoodLoss" in after  # its turn comes in the next round


def test_outputs_left_out_in_the_middle() -> None:
    node = helper.make_node("Attention", ["q", "k", "v"], ["y", "", "", "s"])
    sizes = {"q": [1, 2, 3, 4], "k": [1, 2, 5, 4], "v": [1, 2, 5, 4]}
    proto = model(
        [node],
        [tensor(name, size) for name, size in sizes.items()],
        [tensor("y", [1, 2, 3, 4]), tensor("s", [1, 2, 3, 5])],
        opset=23,
    )
    rng = np.random.default_rng(0)
    inputs = {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    assert "Attention" not in check_rewrite(ExpandFunctions(), proto, inputs)


def test_node_names_stay_those_of_the_call() -> None:
    nodes = [
        helper.make_node("Swish", ["x"], ["a"], name="first"),
        helper.make_node("Swish", ["a"], ["y"], name="second"),
    ]
    proto = model(nodes, [tensor("x", [3])], [tensor("y", [3])], opset=24)
    graph = ExpandFunctions()(deserialize_model(proto)).model.graph
    assert {str(node.name).partition("_")[0] for node in graph} == {"first", "second"}


def test_a_layer_normalization_without_statistics_stays() -> None:
    for outputs in (["y"], ["y", "mean"]):
        node = helper.make_node("LayerNormalization", ["x", "s"], outputs)
        declared = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        proto = model([node], [tensor("x", [3, 4]), tensor("s", [4])], declared, opset=18)
        result = ExpandFunctions()(deserialize_model(proto))
        assert result.modified == (len(outputs) > 1)
