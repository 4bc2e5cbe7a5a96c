"""Col2Im by a table."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx_ir.serde import deserialize_model, serialize_model

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.expansions.col2im import Col2Im

_two = st.lists(st.integers(1, 2), min_size=2, max_size=2)


@given(
    image=st.lists(st.integers(4, 6), min_size=2, max_size=2),
    block=_two,
    strides=_two,
    dilations=_two,
    pads=st.lists(st.integers(0, 1), min_size=4, max_size=4),
)
def test_entries_are_summed(
    image: list[int], block: list[int], strides: list[int], dilations: list[int], pads: list[int]
) -> None:
    counts = [
        (image[i] + pads[i] + pads[2 + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1
        for i in (0, 1)
    ]
    shape = [1, 2 * block[0] * block[1], counts[0] * counts[1]]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    padded = np.zeros((2, image[0] + pads[0] + pads[2], image[1] + pads[1] + pads[3]), np.float32)
    cells = x.reshape(2, *block, *counts)
    for i, j, a, b in itertools.product(*map(range, (*block, *counts))):
        row, column = a * strides[0] + i * dilations[0], b * strides[1] + j * dilations[1]
        padded[:, row, column] += cells[:, i, j, a, b]
    want = padded[:, pads[0] : pads[0] + image[0], pads[1] : pads[1] + image[1]]
    node = helper.make_node(
        "Col2Im", ["x", "i", "b"], ["y"], strides=strides, dilations=dilations, pads=pads
    )
    weights = {"i": np.array(image), "b": np.array(block)}
    declared = tensor("y", [1, 2, *image])
    proto = model([node], [tensor("x", shape)], [declared], weights, opset=18)
    result = Col2Im()(deserialize_model(proto))
    assert result.modified
    (got,) = ReferenceEvaluator(serialize_model(result.model)).run(None, {"x": x})
    np.testing.assert_allclose(np.asarray(got)[0], want, rtol=1e-5, atol=1e-5)
