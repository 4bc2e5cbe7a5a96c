"""Reshape with zeros that are zeros."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.onnx_models import model, tensor
from tests.operator_runs import run_compiled
from tvmedge.errors import InputError

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def _reshaped(rows: int, target: list[int], allowzero: int) -> onnx.ModelProto:
    """The first ``rows`` of x in another shape."""
    nodes = [
        helper.make_node("Slice", ["x", "first", "last"], ["s"]),
        helper.make_node("Reshape", ["s", "shape"], ["y"], allowzero=allowzero),
    ]
    vectors = {"first": np.array([0]), "last": np.array([rows]), "shape": np.array(target)}
    outputs = [tensor("y", [None] * len(target))]
    return model(nodes, [tensor("x", X.shape)], outputs, vectors, opset=18)


@pytest.mark.parametrize(
    ("rows", "target", "allowzero", "want"),
    [
        (0, [3, 4, 0], 1, (3, 4, 0)),
        (0, [0, 7], 1, (0, 7)),
        (2, [0, -1], 0, (2, 12)),
        (2, [4, 6], 1, (4, 6)),
    ],
)
def test_zeros(rows: int, target: list[int], allowzero: int, want: tuple[int, ...]) -> None:
    (y,) = run_compiled(_reshaped(rows, target, allowzero), [X])
    np.testing.assert_array_equal(y, X[:rows].reshape(want))


@pytest.mark.parametrize(("target", "why"), [([0, 2], "no elements"), ([0, -1], "could be any")])
def test_elements_do_not_vanish(target: list[int], why: str) -> None:
    with pytest.raises(InputError, match=why):
        run_compiled(_reshaped(2, target, 1), [X])
