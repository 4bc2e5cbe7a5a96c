"""Axes as vectors, constants in parts."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.axes import Axes
from tvmedge.model.prepare.operators.split_constant import SplitConstant


@pytest.mark.parametrize(("op", "shape"), [("Unsqueeze", [3]), ("Squeeze", [1, 3])])
def test_a_scalar_axis_becomes_a_vector(op: str, shape: list[int]) -> None:
    node = helper.make_node(op, ["x", "axes"], ["y"])
    proto = model(
        [node],
        [tensor("x", shape)],
        [tensor("y", [None] * (3 - len(shape)))],
        {"axes": np.array(0)},
        opset=18,
    )
    result = Axes()(ir.serde.deserialize_model(proto))
    assert result.modified
    after = onnx.shape_inference.infer_shapes(ir.serde.serialize_model(result.model))
    assert len(after.graph.output[0].type.tensor_type.shape.dim) == 3 - len(shape)
    assert not Axes()(result.model).modified


@pytest.mark.parametrize("sizes", [None, [1, 0, 4]])
def test_a_constant_is_split(sizes: list[int] | None) -> None:
    inputs, how = (["c"], {"num_outputs": 3}) if sizes is None else (["c", "n"], {})
    node = helper.make_node("Split", inputs, ["p", "q", "r"], **how)  # type: ignore[arg-type]
    total = helper.make_node("Concat", ["q", "x", "r", "p"], ["y"], axis=0)
    weights = {"c": np.arange(5)} | ({} if sizes is None else {"n": np.array(sizes)})
    kind = TensorProto.INT64
    proto = model(
        [node, total], [tensor("x", [1], kind)], [tensor("y", [6], kind)], weights, opset=18
    )
    after = check_rewrite(SplitConstant(), proto, {"x": np.array([9])})
    assert "Split" not in after


def test_a_large_one_stays() -> None:
    node = helper.make_node("Split", ["c"], ["p", "q"], num_outputs=2)
    outputs = [tensor("p", [1000]), tensor("q", [1000])]
    proto = model([node], [], outputs, {"c": np.zeros(2000, np.float32)}, opset=18)
    assert not SplitConstant()(ir.serde.deserialize_model(proto)).modified
