"""Functions given to an operator as attributes."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.expansions.expand_functions import ExpandFunctions

SIZE = [1, 2, 3, 4]


def _attention(nodes: list[onnx.NodeProto], *, constant: bool) -> onnx.ModelProto:
    """Scores times ``outside`` plus 0.5, the latter a constant inside."""
    body = helper.make_graph(
        nodes, "mod", [tensor("scores", [None] * 4)], [tensor("scores_out", [None] * 4)]
    )
    node = helper.make_node(
        "FlexAttention", ["q", "k", "v"], ["y"], domain="ai.onnx.preview", score_mod=body
    )
    declared = [tensor(name, SIZE) for name in "qkv"]
    weights = {"outside": np.array(3, np.float32)} if constant else {}
    if not constant:
        declared.append(tensor("outside", []))
    domains = [("ai.onnx.preview", 1)]
    return model([node], declared, [tensor("y", SIZE)], weights, opset=26, domains=domains)


def _scaled() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Constant", [], ["half"], value_float=0.5),
        helper.make_node("Mul", ["scores", "outside"], ["scaled"]),
        helper.make_node("Add", ["scaled", "half"], ["scores_out"]),
    ]


def _feeds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=SIZE).astype(np.float32) for name in "qkv"}


def test_constants_from_outside_are_copied_in() -> None:
    result = ExpandFunctions()(ir.serde.deserialize_model(_attention(_scaled(), constant=True)))
    assert result.modified
    feeds = _feeds()
    (y,) = ReferenceEvaluator(ir.serde.serialize_model(result.model)).run(None, feeds)
    scores = feeds["q"] @ feeds["k"].transpose(0, 1, 3, 2) / 2 * 3 + 0.5
    powers = np.exp(scores)
    want = powers / powers.sum(-1, keepdims=True) @ feeds["v"]
    np.testing.assert_allclose(np.asarray(y), want, rtol=1e-5, atol=1e-6)


def test_a_function_that_gives_a_constant_from_outside() -> None:
    nodes = [
        helper.make_node("Identity", ["scores"], ["unused"]),
        helper.make_node("Expand", ["outside", "shape"], ["scores_out"]),
    ]
    proto = _attention(nodes, constant=True)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 2, 3, 3]), "shape"))
    result = ExpandFunctions()(ir.serde.deserialize_model(proto))
    feeds = _feeds()
    (y,) = ReferenceEvaluator(ir.serde.serialize_model(result.model)).run(None, feeds)
    want = np.broadcast_to(feeds["v"].mean(2, keepdims=True), SIZE)
    np.testing.assert_allclose(np.asarray(y), want, rtol=1e-5, atol=1e-6)


def test_other_values_from_outside_leave_the_node() -> None:
    graph = ir.serde.deserialize_model(_attention(_scaled(), constant=False))
    assert not ExpandFunctions()(graph).modified
