"""Hardmax of two dimensions."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes import Sequential

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.convert_opset import ConvertOpset
from tvmedge.model.prepare.old_hardmax import OldHardmax


@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1])
def test_one_in_all_that_follows_the_axis(axis: int | None) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    node = helper.make_node("Hardmax", ["x"], ["y"], **({} if axis is None else {"axis": axis}))  # type: ignore[arg-type]
    proto = model([node], [tensor("x", x.shape)], [tensor("y", x.shape)], opset=11)
    result = Sequential(OldHardmax(), ConvertOpset())(ir.serde.deserialize_model(proto))
    (y,) = ReferenceEvaluator(ir.serde.serialize_model(result.model)).run(None, {"x": x})
    at = 1 if axis is None else axis % 3
    rows = x.reshape(int(np.prod(x.shape[:at])), -1)
    want = np.eye(rows.shape[1])[rows.argmax(1)].reshape(x.shape)
    np.testing.assert_array_equal(np.asarray(y), want)


def test_later_ones_stay() -> None:
    node = helper.make_node("Hardmax", ["x"], ["y"])
    proto = model([node], [tensor("x", [2, 3])], [tensor("y", [2, 3])], opset=13)
    assert not OldHardmax()(ir.serde.deserialize_model(proto)).modified
