"""Blocked QuantizeLinear and DequantizeLinear as ones along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.quantised.quantize_blocks import QuantizeBlocks


@pytest.mark.parametrize(("axis", "size"), [(0, 2), (1, 3), (-1, 4), (-1, 3), (1, 4)])
@pytest.mark.parametrize("op", ["QuantizeLinear", "DequantizeLinear"])
def test_it_computes_the_same(op: str, axis: int, size: int) -> None:
    rng = np.random.default_rng(0)
    shape = (4, 6, 8)
    scales = list(shape)
    scales[axis] = -(-shape[axis] // size)
    weights: dict[str, NDArray[Any]] = {
        "s": rng.uniform(0.1, 2, scales).astype(np.float32),
        "z": rng.integers(0, 256, scales).astype(np.uint8),
    }
    node = helper.make_node(op, ["x", "s", "z"], ["y"], axis=axis, block_size=size)
    kinds, data = [TensorProto.FLOAT, TensorProto.UINT8], rng.uniform(-99, 99, shape)
    if op == "DequantizeLinear":
        kinds.reverse()
    x = np.abs(data).astype(np.uint8) if kinds[0] == TensorProto.UINT8 else data.astype("float32")
    inputs, outputs = [tensor("x", shape, kinds[0])], [tensor("y", shape, kinds[1])]
    proto = model([node], inputs, outputs, weights, opset=21)
    check_rewrite(QuantizeBlocks(), proto, {"x": x}, rtol=0, atol=0)
