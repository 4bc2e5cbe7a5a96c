"""Refusals: everything that would be compiled to something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tvmedge.errors import InputError
from tvmedge.model.load import Model
from tvmedge.model.prepare import prepare
from tvmedge.model.refuse import CONSTRAINTS, Refusal, find_refusals, refuse

KNOWN = frozenset(CONSTRAINTS) | {"Relu", "Cast", "If", "Identity"}


def _refusals(proto: onnx.ModelProto) -> tuple[Refusal, ...]:
    graph = ir.serde.deserialize_model(proto)
    for value in graph.graph.initializers.values():
        assert value.const_value is not None
    return find_refusals(graph, KNOWN)


def _one(op: str, inputs: list[str], shape: list[int], **attributes: Any) -> onnx.ModelProto:
    node = helper.make_node(op, inputs, ["y"], name="the node", **attributes)
    names = [name for name in inputs if name and name != "const"]
    weights = {"const": np.array([True])} if "const" in inputs else {}
    return model(
        [node], [tensor(name, shape) for name in names], [tensor("y", shape)], weights, opset=21
    )


@pytest.mark.parametrize(
    "proto",
    [
        _one("Attention", ["x", "k", "v"], [1, 2, 4, 8]),
        _one("SpaceToDepth", ["x"], [1, 1, 2, 2], blocksize=2, mode="CRD"),
        _one("ConvTranspose", ["x", "w"], [1, 1, 2, 2], output_shape=[4, 4]),
        _one("Bernoulli", ["x"], [4]),
        _one("BatchNormalization", ["x", "s", "b", "m", "v"], [1, 1], training_mode=1),
        _one("Dropout", ["x", "", "const"], [4]),
        _one("Dropout", ["x", "", "mode"], [4]),
        _one("NonMaxSuppression", ["b", "s", "limit"], [1, 1, 4]),
    ],
    ids=lambda proto: proto.graph.node[0].op_type,
)
def test_each_wrong_construct_is_found(proto: onnx.ModelProto) -> None:
    (refusal,) = _refusals(proto)
    assert refusal.node == "the node"
    assert refusal.op == proto.graph.node[0].op_type


@pytest.mark.parametrize(
    "proto",
    [
        _one("SpaceToDepth", ["x"], [1, 1, 2, 2], blocksize=2),
        _one("Dropout", ["x"], [4]),
    ],
    ids=lambda proto: proto.graph.node[0].op_type,
)
def test_the_right_form_of_it_passes(proto: onnx.ModelProto) -> None:
    assert _refusals(proto) == ()


def test_foreign_domains_unknown_operators_and_types_are_all_listed() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="alien", domain="com.microsoft"),
        helper.make_node("LSTM", ["a"], ["b"], name="memory"),
        helper.make_node("Cast", ["x"], ["y"], name="tiny", to=TensorProto.FLOAT8E4M3FN),
        helper.make_node("Relu", ["x"], ["c"], name="fine"),
    ]
    proto = model(nodes, [tensor("x", [1])], [tensor("y", [1], TensorProto.FLOAT8E4M3FN)], opset=21)
    found = _refusals(proto)
    assert [r.node for r in found] == ["alien", "memory", "tiny"]
    assert found[0].op == "com.microsoft.Relu"


def test_nodes_inside_branches_are_found() -> None:
    inner = helper.make_graph(
        [helper.make_node("LSTM", ["x"], ["b"], name="inside")], "b", [], [tensor("b", [1])]
    )
    node = helper.make_node("If", ["c"], ["y"], name="if", then_branch=inner, else_branch=inner)
    proto = model([node], [tensor("c", [], TensorProto.BOOL), tensor("x", [1])], [tensor("y", [1])])
    assert {r.node for r in _refusals(proto)} == {"inside"}


def test_the_sentence_groups_by_reason_and_names_every_node() -> None:
    anything = Model("m", Path("m.onnx"), onnx.ModelProto(), "", "")
    refusals = [Refusal("a", "LSTM", "why"), Refusal("b", "LSTM", "why"), Refusal("c", "X", "no")]
    with pytest.raises(InputError) as caught:
        refuse(anything, refusals)
    assert str(caught.value) == (
        "Model 'm.onnx' has 3 nodes that cannot be compiled: LSTM (why): 'a', 'b'; X (no): 'c'."
    )
    refuse(anything, [])


def _sequence(position: int, output: onnx.ValueInfoProto) -> onnx.ModelProto:
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["s"], name="construct"),
        helper.make_node("SequenceInsert", ["s", "x", "at"], ["t"], name="insert"),
        helper.make_node("Identity", ["t"], [output.name], name="last"),
    ]
    return model(nodes, [tensor("x", [2])], [output], {"at": np.array(position)}, opset=21)


def test_sequences_end_inside_the_model_and_count_from_the_start() -> None:
    known = KNOWN | {"SequenceConstruct", "SequenceInsert"}
    sequence = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, [2])
    given = ir.serde.deserialize_model(_sequence(-1, sequence))
    assert [refusal.node for refusal in find_refusals(given, known)] == ["insert", "last"]
    inner = ir.serde.deserialize_model(_sequence(0, tensor("y", [2])))
    assert find_refusals(inner, known) == ()


def test_a_map_of_scikit_learn_s_is_refused() -> None:
    scores = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    pairs = helper.make_map_type_proto(TensorProto.INT64, scores)
    listed = helper.make_value_info("p", helper.make_sequence_type_proto(pairs))
    node = helper.make_node("ZipMap", ["x"], ["p"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    proto = model([node], [tensor("x", [1, 2])], [listed], domains=[("ai.onnx.ml", 1)])
    with pytest.raises(InputError, match=r"'m': 'p' is a map, .* zipmap=False"):
        prepare(Model("m", Path("m"), proto, "", ""), {})
