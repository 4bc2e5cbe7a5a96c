"""DynamicQuantizeLinear by its definition."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.quantised.dynamic_quantize_linear import DynamicQuantizeLinear


def _model(size: int) -> onnx.ModelProto:
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])
    outputs = [
        tensor("y", [size], TensorProto.UINT8),
        tensor("s", []),
        tensor("z", [], TensorProto.UINT8),
    ]
    return model([node], [tensor("x", [size])], outputs, opset=18)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20))
def test_it_computes_the_same(numbers: list[float]) -> None:
    x = np.array(numbers, np.float32)
    x[0] = 1 + abs(x[0])  # a scale of 0 is another test
    check_rewrite(DynamicQuantizeLinear(), _model(len(x)), {"x": x}, rtol=0, atol=0)


def test_zeros_have_scale_one_as_in_onnxruntime() -> None:
    graph = ir.serde.deserialize_model(_model(3))
    DynamicQuantizeLinear()(graph)
    after = ReferenceEvaluator(ir.serde.serialize_model(graph))
    y, scale, zero = after.run(None, {"x": np.zeros(3, np.float32)})
    assert (np.asarray(y).tolist(), scale, zero) == ([0, 0, 0], 1, 0)
