"""Half precision where it would lose too much."""

from __future__ import annotations

import numpy as np
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
