"""Constants in 8 and 4 bits of floating point become float32."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.quantised.q_float8 import SmallFloats

KINDS = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scales", [(), (3,)])
def test_constant_weights_are_dequantised(kind: str, scales: tuple[int, ...]) -> None:
    numbers = np.linspace(-4, 4, 12).reshape(3, 4).astype(getattr(ml_dtypes, kind))
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=0),
        helper.make_node("Add", ["x", "d"], ["y"]),
    ]
    weights = {"w": numbers, "s": np.full(scales, 0.25, np.float32)}
    x, y = tensor("x", [3, 4]), tensor("y", [3, 4])
    proto = model(nodes, [x], [y], weights, opset=23)
    proto.ir_version = 11
    after = check_rewrite(SmallFloats(), proto, {"x": np.ones((3, 4), np.float32)})
    assert "DequantizeLinear" not in after


def test_a_cast_of_a_constant() -> None:
    numbers = np.linspace(-4, 4, 12).astype(ml_dtypes.float8_e5m2)
    node = helper.make_node("Cast", ["w"], ["y"], to=TensorProto.FLOAT16)
    proto = model([node], [], [tensor("y", [12], TensorProto.FLOAT16)], {"w": numbers}, opset=21)
    check_rewrite(SmallFloats(), proto, {})
