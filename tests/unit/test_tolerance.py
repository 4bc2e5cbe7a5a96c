"""How near a model must come to another runtime's result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.onnx_models import model, tensor
from tvmedge.model.load import Model
from tvmedge.model.tolerance import quantises_activations, tolerance


@pytest.mark.parametrize(
    ("op", "inputs", "expected"),
    [
        ("QuantizeLinear", ["x", "s"], True),
        ("QuantizeLinear", ["w", "s"], False),
        ("DynamicQuantizeLinear", ["x"], True),
        ("QLinearMatMul", ["x"] * 8, True),
        ("Relu", ["x"], False),
    ],
)
def test_only_what_rounds_activations(op: str, inputs: list[str], expected: bool) -> None:
    node = helper.make_node(op, inputs, ["y"])
    weights = {"w": np.zeros(3, np.float32), "s": np.ones((), np.float32)}
    proto = model([node], [tensor("x", [3])], [tensor("y", [3])], weights)
    assert quantises_activations(proto) is expected


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        (onnx.TensorProto.FLOAT, 1e-4),
        (onnx.TensorProto.FLOAT16, 1e-2),
        (onnx.TensorProto.BFLOAT16, 8e-2),
    ],
)
def test_half_precision_is_allowed_more(kind: int, allowed: float) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    proto = model([node], [tensor("x", [1], kind)], [tensor("y", [1], kind)])
    assert tolerance(Model("m", Path("m.onnx"), proto, "", "")) == allowed
