"""LpNormalization by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.lp_normalization import LpNormalization


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("axis", [-1, 0])
def test_it_computes_the_same(p: int, axis: int) -> None:
    node = helper.make_node("LpNormalization", ["x"], ["y"], p=p, axis=axis)
    proto = model([node], [tensor("x", [3, 4])], [tensor("y", [3, 4])], opset=18)
    x = np.arange(12, dtype=np.float32).reshape(3, 4) - 5
    if p == 1:  # ONNX's evaluator sums without the absolute value
        x += 6
    else:
        x[1] = 0
    after = check_rewrite(LpNormalization(), proto, {"x": x})
    assert "LpNormalization" not in after
