"""Reshape and Expand of open shapes."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.shapes.open_shapes import OpenShapes

WEIGHTS = {
    "zero": np.array(0),
    "i0": np.array([0]),
    "i1": np.array([1]),
    "i2": np.array([2]),
    "c24": np.array([24]),
    "m1": np.array([-1]),
    "c5": np.array([5]),
}


def _model(op: str, parts: list[str], shape: list[object]) -> onnx.ModelProto:
    """op(x, Concat(parts)); "N" and "M" are x's first two dimensions, taken the long way."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Cast", ["s"], ["s32"], to=onnx.TensorProto.INT32),
        helper.make_node("Cast", ["s32"], ["s64"], to=onnx.TensorProto.INT64),
        helper.make_node("Gather", ["s64", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "i0"], ["N"]),
        helper.make_node("Slice", ["s64", "i1", "i2"], ["M"]),
        helper.make_node("Concat", parts, ["target"], axis=0),
        helper.make_node(op, ["x", "target"], ["y"], name="node"),
    ]
    return model(nodes, [tensor("x", shape)], [tensor("y", None)], WEIGHTS, opset=18)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("op", "shape", "parts", "fixed"),
    [
        ("Reshape", ["N", 3, 8], ["N", "c24"], [0, 24]),
        ("Expand", ["N", 1], ["N", "c5"], [1, 5]),
        ("Expand", ["N", 1], ["c24", "N", "c5"], [24, 1, 5]),
    ],
)
def test_the_shape_becomes_a_constant(
    op: str, shape: list[object], parts: list[str], fixed: list[int]
) -> None:
    proto = _model(op, parts, shape)
    actual = [{"N": 4, "M": 6}.get(str(dim), dim) for dim in shape]
    x = np.random.default_rng(0).random(actual, dtype=np.float32)
    check_rewrite(OpenShapes(), proto, {"x": x})
    graph = ir.serde.deserialize_model(onnx.shape_inference.infer_shapes(proto, data_prop=True))
    node = next(n for n in OpenShapes()(graph).model.graph if n.op_type == op)
    constant = node.inputs[1].producer().attributes["value"].as_tensor().numpy()  # type: ignore[union-attr]
    assert constant.tolist() == fixed


@pytest.mark.parametrize(
    ("op", "shape", "parts"),
    [
        ("Reshape", ["N", "M", 8], ["M", "N", "m1"]),
        ("Reshape", ["N", 3, 8], ["c24", "N"]),
        ("Expand", ["N", "M"], ["M", "N"]),
    ],
)
def test_what_does_not_fit_stays(op: str, shape: list[object], parts: list[str]) -> None:
    proto = _model(op, parts, shape)
    graph = ir.serde.deserialize_model(onnx.shape_inference.infer_shapes(proto, data_prop=True))
    assert not OpenShapes()(graph).modified
