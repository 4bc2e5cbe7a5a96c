"""Operators that converters of ours import, compiled and compared with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.operator_runs import node_model, run_compiled
from tvmedge.errors import InputError

SPECIAL = np.array([np.nan, np.inf, -np.inf, -1, 0, 1, 2, 3], np.float32)


def test_relu_keeps_nan() -> None:
    (y,) = run_compiled(node_model("Relu", [SPECIAL]), [SPECIAL])
    np.testing.assert_array_equal(y, np.maximum(SPECIAL, 0))


def test_sign_keeps_nan() -> None:
    (y,) = run_compiled(node_model("Sign", [SPECIAL]), [SPECIAL])
    np.testing.assert_array_equal(y, np.sign(SPECIAL))


@pytest.mark.parametrize(("op", "want"), [("Max", np.maximum), ("Min", np.minimum)])
def test_extremes_keep_nan_on_either_side(op: str, want: np.ufunc) -> None:
    other = np.roll(SPECIAL, 3)
    (y,) = run_compiled(node_model(op, [SPECIAL, other]), [SPECIAL, other])
    np.testing.assert_array_equal(y, want(SPECIAL, other))


@pytest.mark.parametrize("fixed", [0, 1])
@pytest.mark.parametrize("number", [-0.5, np.nan])
@pytest.mark.parametrize(("op", "want"), [("Max", np.maximum), ("Min", np.minimum)])
def test_extremes_of_a_constant_keep_nan(
    op: str, want: np.ufunc, number: float, fixed: int
) -> None:
    inputs = [SPECIAL, SPECIAL]
    inputs[fixed] = np.full_like(SPECIAL, number)
    proto = node_model(op, inputs, constants={fixed: inputs[fixed]})
    (y,) = run_compiled(proto, [SPECIAL])
    np.testing.assert_array_equal(y, want(SPECIAL, np.float32(number)))


def test_clip_keeps_nan_and_a_bound_of_nan_bounds_nothing() -> None:
    low, high = np.array(np.nan, np.float32), np.array(2, np.float32)
    proto = node_model("Clip", [SPECIAL, low, high], constants={1: low, 2: high})
    (y,) = run_compiled(proto, [SPECIAL])
    np.testing.assert_array_equal(y, np.minimum(SPECIAL, 2))


@pytest.mark.parametrize("source", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("target", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64])
def test_cast_cuts_off_and_wraps(source: type, target: type) -> None:
    whole = np.array([0, 3.7, -3.7, 127, -129, 300.5, -1, 32768, 65504, -40000], np.float64)
    large = np.array([2.0**31, -(2.0**31) - 300, 2.0**32 + 2560], np.float64)
    numbers = whole if source is np.float16 else np.concatenate([whole, large])
    numbers = numbers if target not in (np.int8, np.uint8, np.int16) else whole
    x = np.concatenate([numbers, [np.nan, np.inf, -np.inf]]).astype(source)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(target))
    (y,) = run_compiled(node_model("Cast", [x], outputs=[kind], to=kind), [x])
    want = [int(value) if np.isfinite(value) else 0 for value in x.astype(np.float64)]
    bits = 8 * np.dtype(target).itemsize
    np.testing.assert_array_equal(
        y, np.array([v % 2**bits for v in want], f"u{bits // 8}").view(target)
    )


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        (np.float32, np.int32, TensorProto.INT32),
        (np.int64, np.float64, TensorProto.DOUBLE),
        (np.int8, np.uint8, TensorProto.UINT8),
    ],
)
def test_bit_cast(source: type, target: type, kind: int) -> None:
    x = np.array([[1, -2], [3, -4]], source)
    proto = node_model("BitCast", [x], outputs=[kind], opset=26, to=kind)
    (y,) = run_compiled(proto, [x])
    np.testing.assert_array_equal(y, x.view(target))


@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("exclusive", [0, 1])
def test_cum_prod(reverse: int, exclusive: int) -> None:
    x = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    axis = np.array(1)
    proto = node_model(
        "CumProd", [x, axis], constants={1: axis}, opset=26, reverse=reverse, exclusive=exclusive
    )
    (y,) = run_compiled(proto, [x])
    line = x[:, ::-1] if reverse else x
    want = np.cumprod(line, axis=1)
    if exclusive:
        want = np.concatenate([np.ones((2, 1)), want[:, :-1]], axis=1)
    np.testing.assert_array_equal(y, want[:, ::-1] if reverse else want)


@pytest.mark.parametrize(("threshold", "kept"), [(1 / 7, 2), (0.1, 1), (None, 1)])
def test_suppression_is_of_overlaps_above_the_threshold(threshold: float, kept: int) -> None:
    boxes = np.array([[[0, 0, 1, 1], [0.5, 0.5, 1.5, 1.5]]], np.float32)
    scores = np.array([[[0.9, 0.8]]], np.float32)
    limit = np.array([3])
    overlap = None if threshold is None else np.array([threshold], np.float32)
    lowest = np.array([0], np.float32)
    fixed = {2: limit, 4: lowest} | ({} if overlap is None else {3: overlap})
    proto = node_model(
        "NonMaxSuppression",
        [boxes, scores, limit, overlap, lowest],
        constants=fixed,
        outputs=[TensorProto.INT64],
    )
    (found,) = run_compiled(proto, [boxes, scores])
    assert found.shape == (kept, 3)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("indices", [-1, [0, -2], [[1, 0], [-1, 1]]])
def test_gather_by_constants(axis: int, indices: list[int]) -> None:
    x, places = np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.array(indices)
    proto = node_model("Gather", [x, places], constants={1: places}, axis=axis)
    (y,) = run_compiled(proto, [x])
    np.testing.assert_array_equal(y, np.take(x, places, axis))


def test_gather_outside_of_the_table_is_refused() -> None:
    x, places = np.zeros(4, np.float32), np.array([4])
    with pytest.raises(InputError, match="outside of axis 0"):
        run_compiled(node_model("Gather", [x, places], constants={1: places}), [x])


@pytest.mark.parametrize(("op", "want"), [("ArgMax", [0, 1, 3]), ("ArgMin", [0, 0, 0])])
def test_infinities_have_a_place(op: str, want: list[int]) -> None:
    x = np.array([[-np.inf] * 4, [1, 3, 3, 2], [-np.inf, 5, 5, np.inf]], np.float32)
    proto = node_model(op, [x], outputs=[TensorProto.INT64], axis=1, keepdims=0)
    np.testing.assert_array_equal(run_compiled(proto, [x])[0], want)


def test_the_last_of_equals() -> None:
    x = np.array([[2, 7, 7, 1]], np.int32)
    proto = node_model("ArgMax", [x], outputs=[TensorProto.INT64], axis=1, select_last_index=1)
    np.testing.assert_array_equal(run_compiled(proto, [x])[0], [[2]])


def test_truth_values_are_compared() -> None:
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    proto = node_model("Equal", [a, b], outputs=[TensorProto.BOOL])
    np.testing.assert_array_equal(run_compiled(proto, [a, b])[0], a == b)
