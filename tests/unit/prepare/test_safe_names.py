"""Identifiers for names."""

from __future__ import annotations

import itertools
import re

import numpy as np
import onnx
import onnx_ir as ir
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import conv_net, model, tensor
from tvmedge.model.prepare.safe_names import SafeNames

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _rename(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return ir.serde.serialize_model(SafeNames()(ir.serde.deserialize_model(copy)).model)


def _value_names(graph: onnx.GraphProto) -> list[str]:
    names = [value.name for value in graph.input] + [t.name for t in graph.initializer]
    return names + [name for node in graph.node for name in node.output if name]


def test_values_become_identifiers_and_nodes_keep_their_names() -> None:
    proto = conv_net()
    renamed = _rename(proto)
    assert all(IDENTIFIER.fullmatch(name) for name in _value_names(renamed.graph))
    assert [n.name for n in renamed.graph.node] == [n.name for n in proto.graph.node]
    assert renamed.graph.input[0].name == "in_0"


def test_the_renamed_model_computes_the_same() -> None:
    proto = conv_net()
    x = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    renamed = _rename(proto)
    onnx.checker.check_model(renamed)
    want = ReferenceEvaluator(proto).run(None, {"in:0": x})[0]
    got = ReferenceEvaluator(renamed).run(None, {renamed.graph.input[0].name: x})[0]
    np.testing.assert_array_equal(got, want)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=8), min_size=3, max_size=8, unique=True))
def test_any_names_become_distinct_identifiers(names: list[str]) -> None:
    nodes = [
        helper.make_node("Relu", [before], [after], name=f"node {after}")
        for before, after in itertools.pairwise(names)
    ]
    renamed = _rename(model(nodes, [tensor(names[0], [2])], [tensor(names[-1], [2])]))
    values = _value_names(renamed.graph)
    assert len(set(values)) == len(names)
    assert all(IDENTIFIER.fullmatch(name) for name in values)
    assert renamed.graph.output[0].name == renamed.graph.node[-1].output[0]
