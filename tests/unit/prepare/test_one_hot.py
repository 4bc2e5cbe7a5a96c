"""OneHot by comparison."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.one_hot import OneHot


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.INT32])
def test_every_axis_and_type_of_value(axis: int, kind: int) -> None:
    node = helper.make_node("OneHot", ["i", "depth", "values"], ["y"], axis=axis)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    proto = model(
        [node],
        [tensor("i", [2, 3], TensorProto.INT64)],
        [helper.make_tensor_value_info("y", kind, None)],
        {"depth": np.array(4, np.int64), "values": np.array([7, 9], dtype)},
        opset=18,
    )
    check_rewrite(OneHot(), proto, {"i": np.array([[0, 3, -1], [-4, 2, 1]])})


def test_an_open_depth_is_left() -> None:
    node = helper.make_node("OneHot", ["i", "depth", "values"], ["y"])
    proto = model(
        [node],
        [tensor("i", [2], TensorProto.INT64), tensor("depth", [], TensorProto.INT64)],
        [tensor("y", [2, None])],
        {"values": np.array([0, 1], np.float32)},
        opset=18,
    )
    assert not OneHot()(ir.serde.deserialize_model(proto)).modified
