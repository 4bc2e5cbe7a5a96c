"""Pools with explicit padding, against ONNX's evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.max_unpool import MaxUnpool
from tvmedge.model.prepare.operators.pool_indices import PoolIndices
from tvmedge.model.prepare.operators.pools import Pools

X = np.random.default_rng(0).standard_normal((2, 3, 7, 8)).astype(np.float32)


def _pool(op: str, outputs: int = 1, **attributes: Any) -> onnx.ModelProto:
    names = ["y", "at"][:outputs]
    node = helper.make_node(op, ["x"], names, **attributes)
    kinds = [TensorProto.FLOAT, TensorProto.INT64]
    results = [
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in zip(names, kinds, strict=False)
    ]
    return model([node], [tensor("x", list(X.shape))], results, opset=19)


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"auto_pad": "SAME_UPPER"},
        {"auto_pad": "SAME_LOWER"},
        {"auto_pad": "VALID"},
        {"ceil_mode": 1},
        {"ceil_mode": 1, "pads": [1, 0, 1, 1]},
    ],
)
def test_padding_is_written_out(op: str, attributes: dict[str, Any]) -> None:
    if op == "MaxPool" and attributes.get("auto_pad") == "SAME_LOWER":
        return  # ONNX's evaluator gives another shape than ONNX's shape inference
    proto = _pool(op, kernel_shape=[3, 2], strides=[2, 3], **attributes)
    check_rewrite(Pools(), proto, {"x": X})


def test_what_ceil_mode_adds_is_not_counted() -> None:
    attributes = {"ceil_mode": 1, "count_include_pad": 1, "pads": [1, 1, 1, 1]}
    proto = _pool("AveragePool", kernel_shape=[3, 3], strides=[2, 2], **attributes)
    assert "Mul" in check_rewrite(Pools(), proto, {"x": X})


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norms_are_averages_of_powers(p: int) -> None:
    proto = _pool("LpPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], p=p)
    assert "LpPool" not in check_rewrite(Pools(), proto, {"x": X}, rtol=1e-4)


@pytest.mark.parametrize("order", [0, 1])
def test_indices_of_maxima(order: int) -> None:
    attributes = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0]}
    proto = _pool("MaxPool", 2, storage_order=order, **attributes)
    assert "MaxPool" not in check_rewrite(PoolIndices(), proto, {"x": X})


def test_unpooling_to_a_shape() -> None:
    node = helper.make_node(
        "MaxUnpool", ["x", "i", "s"], ["y"], kernel_shape=[2, 2], strides=[2, 2]
    )
    proto = model(
        [node],
        [tensor("x", [1, 1, 2, 2]), tensor("i", [1, 1, 2, 2], TensorProto.INT64)],
        [tensor("y", [1, 1, 5, 5])],
        {"s": np.array([1, 1, 5, 5])},
        opset=18,
    )
    x = np.array([[[[1, 2], [3, 4]]]], np.float32)
    check_rewrite(MaxUnpool(), proto, {"x": x, "i": np.array([[[[5, 7], [13, 15]]]])})
