"""Integers of 2 and 4 bits as ones of 8 bits."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.quantised.q_narrow_integers import NarrowIntegers

KINDS = ["INT4", "UINT4", "INT2", "UINT2"]


def _prepared(proto: onnx.ModelProto) -> onnx.ModelProto:
    graph = ir.serde.deserialize_model(onnx.shape_inference.infer_shapes(proto))
    assert NarrowIntegers()(graph).modified
    after = ir.serde.serialize_model(graph)
    onnx.checker.check_model(after)
    return after


def _run(proto: onnx.ModelProto, x: NDArray[Any]) -> NDArray[Any]:
    (result,) = ReferenceEvaluator(proto).run(None, {"x": x})
    return np.asarray(result)


@pytest.mark.parametrize("kind", KINDS)
def test_constant_weights_are_unpacked(kind: str) -> None:
    numbers = np.arange(4).astype(getattr(ml_dtypes, kind.lower()))
    node = helper.make_node("DequantizeLinear", ["w", "s"], ["d"])
    proto = model(
        [node, helper.make_node("Mul", ["x", "d"], ["y"])],
        [tensor("x", [4])],
        [tensor("y", [4])],
        {"w": numbers, "s": np.float32(0.5)},
        opset=25,
    )
    proto.ir_version = 12
    after = _prepared(proto)
    x = np.ones(4, np.float32)
    np.testing.assert_array_equal(_run(after, x), _run(proto, x))
    (weights,) = (t for t in after.graph.initializer if t.name == "w")
    assert numpy_helper.to_array(weights).dtype == ("uint8" if kind[0] == "U" else "int8")


@pytest.mark.parametrize("kind", KINDS)
def test_quantised_values_are_limited_to_the_narrow_type(kind: str) -> None:
    number = getattr(TensorProto, kind)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"], output_dtype=number),
        helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    proto = model(nodes, [tensor("x", [9])], [tensor("y", [9])], {"s": np.float32(0.5)}, opset=25)
    proto.ir_version = 12
    after = _prepared(proto)
    x = np.linspace(-20, 20, 9).astype(np.float32)
    np.testing.assert_array_equal(_run(after, x), _run(proto, x))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cast_keeps_the_low_bits_at_the_models_output(kind: str) -> None:
    number = getattr(TensorProto, kind)
    node = helper.make_node("Cast", ["x"], ["y"], to=number)
    proto = model(
        [node], [tensor("x", [41], TensorProto.INT8)], [tensor("y", [41], number)], opset=25
    )
    proto.ir_version = 12
    x = np.arange(-20, 21).astype(np.int8)
    got = _run(_prepared(proto), x)
    bits = 4 if "4" in kind else 2
    low = x.astype(int) % (1 << bits)
    if kind[0] == "I":
        low = np.where(low >= 1 << (bits - 1), low - (1 << bits), low)
    np.testing.assert_array_equal(got, low)


def test_other_operators_on_narrow_integers_are_left_to_be_refused() -> None:
    kind = TensorProto.INT4
    node = helper.make_node("Identity", ["x"], ["y"], domain="com.acme")
    proto = model([node], [tensor("x", [1], kind)], [tensor("y", [1], kind)], opset=21)
    assert not NarrowIntegers()(ir.serde.deserialize_model(proto)).modified
