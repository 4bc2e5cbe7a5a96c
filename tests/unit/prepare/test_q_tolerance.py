"""How near a quantised model can be to another runtime's result."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.q_tolerance import quantises_activations


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
