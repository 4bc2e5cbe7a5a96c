"""Operators that read between pixels, compiled, against ONNX's evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from tests.operator_runs import node_model, run_compiled

RNG = np.random.default_rng(0)


def _both(op: str, inputs: list[np.ndarray], **how: Any) -> tuple[np.ndarray, np.ndarray]:
    proto = node_model(op, inputs, opset=19, **how)
    (got,) = run_compiled(proto, inputs)
    feeds = {f"i{k}": array for k, array in enumerate(inputs)}
    outputs: Any = ReferenceEvaluator(proto).run(None, feeds)
    return got, outputs[0]


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("origin", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize("ratio", [0, 2])
def test_roi_align(mode: str, origin: str, ratio: int) -> None:
    x = RNG.normal(size=(2, 3, 9, 11)).astype(np.float32)
    ends = np.sort(RNG.uniform(-3, 25, size=(2, 5, 2)), axis=-1).transpose(1, 2, 0)
    rois = ends.reshape(5, 4).astype(np.float32)
    rois[4] = [9, 9, 3, 3]  # inside out
    how = {"mode": mode, "coordinate_transformation_mode": origin, "sampling_ratio": ratio}
    got, want = _both(
        "RoiAlign",
        [x, rois, np.array([0, 1, 1, 0, 1])],
        **how,
        output_height=4,
        output_width=3,
        spatial_scale=0.5,
    )
    assert np.abs(want).max() > 0.1
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("group", "offset_group"), [(1, 1), (2, 4)])
def test_deform_conv(group: int, offset_group: int, masked: bool) -> None:
    places = [1, offset_group * 6, 5, 4]
    inputs = [
        RNG.normal(size=(1, 4, 5, 6)),
        RNG.normal(size=(6, 4 // group, 3, 2)),
        RNG.normal(size=[places[0], places[1] * 2, *places[2:]]) * 3,
    ]
    if masked:
        inputs += [RNG.normal(size=6), RNG.uniform(size=places)]
    got, want = _both(
        "DeformConv",
        [array.astype(np.float32) for array in inputs],
        group=group,
        offset_group=offset_group,
        strides=[1, 2],
        pads=[1, 0, 1, 2],
        kernel_shape=[3, 2],
    )
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_offsets_that_lead_nowhere_read_zeros() -> None:
    x, weight = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 1, 1), np.float32)
    offset = np.zeros((1, 2, 3, 3), np.float32)
    offset[0, 0, 0], offset[0, 1, 1] = [np.inf, -1e30, 1e30], 4
    inputs = [x, weight, offset]
    (got,) = run_compiled(node_model("DeformConv", inputs, opset=19), inputs)
    np.testing.assert_array_equal(got[0, 0, 1:], [[0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(got[0, 0, 0, 1:], 0)
