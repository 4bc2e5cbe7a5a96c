"""A cast to bfloat16 that keeps NaN."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.bfloat16_cast import BFloat16Cast


def _cast(kind: int, to: int = TensorProto.BFLOAT16) -> onnx.ModelProto:
    node = helper.make_node("Cast", ["x"], ["y"], to=to)
    return model([node], [tensor("x", [5], kind)], [tensor("y", [5], to)], opset=18)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_it_computes_the_same(dtype: str) -> None:
    x = np.array([1 + 2**-8, -np.inf, np.nan, -0.0, 3], dtype)
    proto = _cast(helper.np_dtype_to_tensor_dtype(x.dtype))
    assert check_rewrite(BFloat16Cast(), proto, {"x": x})[-2:] == ["Where", "Cast"]


def test_to_integers_it_goes_through_float32() -> None:
    x = np.array([1.5, -2, 0, 100, -100]).astype(ml_dtypes.bfloat16)
    proto = _cast(TensorProto.BFLOAT16, TensorProto.INT8)
    assert check_rewrite(BFloat16Cast(), proto, {"x": x}) == ["Cast", "Cast"]


def test_it_is_done_once_and_for_bfloat16_only() -> None:
    graph = ir.serde.deserialize_model(_cast(TensorProto.FLOAT))
    assert BFloat16Cast()(graph).modified
    graph = onnx.shape_inference.infer_shapes(ir.serde.serialize_model(graph))
    assert not BFloat16Cast()(ir.serde.deserialize_model(graph)).modified
    for kind, to in ((TensorProto.INT32, TensorProto.BFLOAT16), (TensorProto.FLOAT,) * 2):
        graph = ir.serde.deserialize_model(_cast(kind, to))
        assert not BFloat16Cast()(graph).modified
