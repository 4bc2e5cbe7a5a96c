"""Reductions over no axes."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.no_reduction import NoReduction

X = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


@pytest.mark.parametrize("op", sorted(NoReduction.operators))
@pytest.mark.parametrize("given", [False, True])
def test_the_rest_is_done(op: str, given: bool) -> None:
    node = helper.make_node(op, ["x", "axes"] if given else ["x"], ["y"], noop_with_empty_axes=1)
    axes = {"axes": np.zeros(0, np.int64)} if given else {}
    proto = model([node], [tensor("x", [2, 3])], [tensor("y", [2, 3])], axes, opset=18)
    x = X if "Log" in op else -X
    assert op not in check_rewrite(NoReduction(), proto, {"x": x})


@pytest.mark.parametrize(("noop", "axes"), [(0, []), (1, [1])])
def test_reductions_stay(noop: int, axes: list[int]) -> None:
    node = helper.make_node("ReduceL1", ["x", "axes"], ["y"], noop_with_empty_axes=noop)
    known = {"axes": np.array(axes, np.int64)}
    proto = model([node], [tensor("x", [2, 3])], [tensor("y", [None] * 2)], known, opset=18)
    assert not NoReduction()(ir.serde.deserialize_model(proto)).modified
