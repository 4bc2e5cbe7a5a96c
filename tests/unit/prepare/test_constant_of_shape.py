"""Small constant tensors become constants, so that what is computed from them folds."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.shapes.constant_of_shape import MAX_ELEMENTS, ConstantOfShape


def _proto(shape: list[int], value: np.ndarray | None, kind: int) -> onnx.ModelProto:
    attribute = {} if value is None else {"value": numpy_helper.from_array(value)}
    node = helper.make_node("ConstantOfShape", ["s"], ["y"], **attribute)
    return model([node], [], [tensor("y", shape, kind)], {"s": np.array(shape, np.int64)})


@pytest.mark.parametrize(
    ("shape", "value", "kind"),
    [
        ([2], np.array([7], np.int64), TensorProto.INT64),
        ([], np.array([True]), TensorProto.BOOL),
        ([2, 0], None, TensorProto.FLOAT),
        ([2, 3], np.array([np.inf], np.float32), TensorProto.FLOAT),
    ],
)
def test_it_becomes_a_constant(shape: list[int], value: np.ndarray | None, kind: int) -> None:
    assert check_rewrite(ConstantOfShape(), _proto(shape, value, kind), {}) == ["Constant"]


def test_a_large_one_stays() -> None:
    proto = _proto([MAX_ELEMENTS + 1], None, TensorProto.FLOAT)
    assert not ConstantOfShape()(ir.serde.deserialize_model(proto)).modified
