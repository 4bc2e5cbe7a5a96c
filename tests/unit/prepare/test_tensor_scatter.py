"""TensorScatter as ScatterElements."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.tensor_scatter import TensorScatter


@pytest.mark.parametrize("mode", ["linear", "circular"])
def test_each_sample_has_its_own_place(mode: str) -> None:
    node = helper.make_node("TensorScatter", ["past", "new", "at"], ["y"], mode=mode)
    proto = model(
        [node],
        [tensor("past", [2, 4, 3]), tensor("new", [2, 2, 3]), tensor("at", [2], TensorProto.INT64)],
        [tensor("y", [2, 4, 3])],
        opset=24,
    )
    rng = np.random.default_rng(0)
    inputs = {
        "past": rng.standard_normal((2, 4, 3)).astype(np.float32),
        "new": rng.standard_normal((2, 2, 3)).astype(np.float32),
        "at": np.array([0, 3 if mode == "circular" else 2]),
    }
    check_rewrite(TensorScatter(), proto, inputs)
