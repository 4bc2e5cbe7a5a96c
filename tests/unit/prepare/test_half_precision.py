"""Half precision where it would lose too much."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.expansions.half_precision import HalfPrecision

HALF = TensorProto.FLOAT16
X = (np.arange(12).reshape(3, 4) / 6 - 1).astype(np.float16)


@pytest.mark.parametrize("op", ["Softmax", "Elu", "Erf"])
def test_it_is_computed_in_float32(op: str) -> None:
    node = helper.make_node(op, ["x"], ["y"])
    proto = model([node], [tensor("x", [3, 4], HALF)], [tensor("y", [3, 4], HALF)], opset=18)
    after = check_rewrite(HalfPrecision(), proto, {"x": X}, rtol=2e-3, atol=1e-4)
    assert after == ["Cast", op, "Cast"]


def test_attributes_and_inputs_of_other_types_stay() -> None:
    node = helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)
    weights = {"axes": np.array([1])}
    proto = model([node], [tensor("x", [3, 4], HALF)], [tensor("y", [3], HALF)], weights, opset=18)
    after = check_rewrite(HalfPrecision(), proto, {"x": X}, rtol=1e-3)
    assert after == ["Cast", "ReduceSum", "Cast"]


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        ("ArgMax", TensorProto.INT64),
        ("IsNaN", TensorProto.BOOL),
        ("Max", TensorProto.BFLOAT16),
        ("PRelu", TensorProto.BFLOAT16),
        ("Pow", TensorProto.BFLOAT16),
    ],
)
def test_what_bfloat16_lacks_gives_the_type_it_gave(op: str, kind: int) -> None:
    x = np.array([[1.5, 0.5, np.nan], [4, 2, 7]]).astype(ml_dtypes.bfloat16)
    if op in ("ArgMax", "Pow"):
        x = x[1:]
    rows = len(x)
    names = ["x"] if op in ("ArgMax", "IsNaN") else ["x", "z"]
    result = [1, 3] if op == "ArgMax" else [rows, 3]
    node = helper.make_node(op, names, ["y"])
    inputs = [tensor(name, [rows, 3], TensorProto.BFLOAT16) for name in names]
    proto = model([node], inputs, [tensor("y", result, kind)], opset=20)
    after = check_rewrite(HalfPrecision(), proto, dict.fromkeys(names, x), rtol=2**-7)
    assert after == ["Cast"] * len(names) + [op] + ["Cast"] * (kind == TensorProto.BFLOAT16)


def test_float16_has_them() -> None:
    node = helper.make_node("Max", ["x", "x"], ["y"])
    proto = model([node], [tensor("x", [3, 4], HALF)], [tensor("y", [3, 4], HALF)], opset=18)
    assert not HalfPrecision()(ir.serde.deserialize_model(proto)).modified


def test_a_second_output_of_another_type_stays() -> None:
    node = helper.make_node("LayerNormalization", ["x", "w"], ["y", "mean"])
    weights = {"w": np.ones(4, np.float16)}
    outputs = [tensor("y", [3, 4], HALF), tensor("mean", [3, 1])]
    proto = model([node], [tensor("x", [3, 4], HALF)], outputs, weights, opset=18)
    graph = HalfPrecision()(ir.serde.deserialize_model(proto)).model.graph
    assert [node.op_type for node in graph] == ["Cast", "Cast", "LayerNormalization", "Cast"]
    assert graph.outputs[1].producer() is graph[2]
