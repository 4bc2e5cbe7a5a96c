"""Softplus as a series."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.softplus import Softplus


@pytest.mark.parametrize(("kind", "rtol"), [(TensorProto.FLOAT, 3e-7), (TensorProto.DOUBLE, 1e-15)])
def test_every_digit_is_right(kind: int, rtol: float) -> None:
    node = helper.make_node("Softplus", ["x"], ["y"])
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    x = np.append(np.linspace(-15, 30, 501), [np.inf, -np.inf]).astype(dtype)
    proto = model([node], [tensor("x", [503], kind)], [tensor("y", [503], kind)], opset=18)
    # ONNX's evaluator loses 1 + e^x itself, by up to a unit of the sum.
    unit = np.finfo(dtype).eps
    after = check_rewrite(Softplus(), proto, {"x": x}, rtol=rtol, atol=float(unit))
    assert "Softplus" not in after


def test_half_precision_is_left_to_be_widened() -> None:
    node = helper.make_node("Softplus", ["x"], ["y"])
    half = TensorProto.FLOAT16
    proto = model([node], [tensor("x", [3], half)], [tensor("y", [3], half)], opset=18)
    with pytest.raises(AssertionError):
        check_rewrite(Softplus(), proto, {"x": np.zeros(3, np.float16)})
