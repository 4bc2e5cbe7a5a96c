"""QuantizeLinear and DequantizeLinear of other float types, through float32."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.quantised.quantize_precision import (
    DequantizePrecision,
    QuantizePrecision,
)
from tvmedge.model.refuse import find_refusals

HALF = TensorProto.FLOAT16


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16"])
def test_half_is_dequantised_as_before(kind: str) -> None:
    node = helper.make_node("DequantizeLinear", ["x", "s", "z"], ["y"], axis=0)
    x = np.arange(12).reshape(3, 4).astype(kind)
    number = helper.np_dtype_to_tensor_dtype(x.dtype)
    weights = {"s": np.array([0.1, 0.2, 0.3], np.float16), "z": np.array([1, 2, 3], kind)}
    proto = model(
        [node], [tensor("x", [3, 4], number)], [tensor("y", [3, 4], HALF)], weights, opset=21
    )
    after = check_rewrite(DequantizePrecision(), proto, {"x": x}, rtol=1e-3)
    assert after[-1] == "Cast"


@pytest.mark.parametrize("opset", [21, 23])
@pytest.mark.parametrize("scales", [(), (4,)])
@pytest.mark.parametrize("kind", ["uint8", "int16"])
def test_half_is_quantised_as_before(opset: int, scales: tuple[int, ...], kind: str) -> None:
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"], axis=-1)
    x = (np.arange(-12, 12).reshape(6, 4) / 3).astype(np.float16)
    weights = {"s": np.full(scales, 0.13, np.float16), "z": np.full(scales, 100, kind)}
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    proto = model(
        [node], [tensor("x", [6, 4], HALF)], [tensor("y", [6, 4], number)], weights, opset=opset
    )
    # Before opset 23 the division may be in float32, which rounds a tie of float16 properly.
    after = check_rewrite(QuantizePrecision(), proto, {"x": x}, rtol=0, atol=int(opset < 23))
    assert ("Div" in after) == (opset == 23)


def test_integers_are_quantised() -> None:
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    weights = {"s": np.float32(1.7), "z": np.uint8(3)}
    proto = model(
        [node],
        [tensor("x", [5], TensorProto.INT32)],
        [tensor("y", [5], TensorProto.UINT8)],
        weights,
        opset=21,
    )
    x = np.array([-9, 0, 5, 77, 100000], np.int32)
    check_rewrite(QuantizePrecision(), proto, {"x": x}, rtol=0, atol=0)


@pytest.mark.parametrize("op", ["QuantizeLinear", "DequantizeLinear"])
def test_what_is_left_in_another_type_is_refused(op: str) -> None:
    node = helper.make_node(op, ["x", "s"], ["y"])
    kinds = [HALF, TensorProto.UINT8] if op == "QuantizeLinear" else [TensorProto.UINT8, HALF]
    inputs, outputs = [tensor("x", [3], kinds[0])], [tensor("y", [3], kinds[1])]
    proto = model([node], inputs, outputs, {"s": np.float16(1)}, opset=21)
    (refusal,) = find_refusals(ir.serde.deserialize_model(proto), frozenset({op}))
    assert "only float32" in refusal.reason
