"""QLinearConv between DequantizeLinear and QuantizeLinear."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.quantised.qlinear_conv import QLinearConv


@pytest.mark.parametrize("channels", [True, False])
@pytest.mark.parametrize("biased", [True, False])
def test_it_computes_the_same(channels: bool, biased: bool) -> None:
    rng = np.random.default_rng(0)
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", *(["b"] if biased else [])]
    node = helper.make_node("QLinearConv", names, ["y"], pads=[1, 1, 1, 1], strides=[2, 1])
    shape = (4,) if channels else ()
    weights = {
        "xs": np.float32(0.017),
        "xz": np.uint8(131),
        "w": rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8),
        "ws": rng.uniform(0.001, 0.01, shape).astype(np.float32),
        "wz": np.zeros(shape, np.int8),
        "ys": np.float32(0.0731),
        "yz": np.uint8(117),
    }
    if biased:
        weights["b"] = rng.integers(-9000, 9000, 4).astype(np.int32)
    x = tensor("x", [1, 3, 8, 8], TensorProto.UINT8)
    y = tensor("y", [1, 4, 4, 8], TensorProto.UINT8)
    proto = model([node], [x], [y], weights, opset=21)
    data = rng.integers(0, 256, (1, 3, 8, 8)).astype(np.uint8)
    after = check_rewrite(QLinearConv(), proto, {"x": data}, rtol=0, atol=0)
    assert after[-1] == "QuantizeLinear"
    assert after.count("DequantizeLinear") == 2 + biased
