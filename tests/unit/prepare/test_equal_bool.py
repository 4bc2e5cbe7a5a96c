"""Equality of truth values."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx import TensorProto, helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.equal_bool import EqualBool

BOOL = TensorProto.BOOL
NODE = helper.make_node("Equal", ["a", "b"], ["y"])


def test_it_broadcasts() -> None:
    declared = [tensor("a", [2, 1], BOOL), tensor("b", [2], BOOL)]
    proto = model([NODE], declared, [tensor("y", [2, 2], BOOL)], opset=18)
    feeds = {"a": np.array([[True], [False]]), "b": np.array([True, False])}
    assert "Equal" not in check_rewrite(EqualBool(), proto, feeds)


def test_numbers_stay() -> None:
    declared = [tensor("a", [2]), tensor("b", [2])]
    proto = model([NODE], declared, [tensor("y", [2], BOOL)], opset=18)
    assert not EqualBool()(ir.serde.deserialize_model(proto)).modified
