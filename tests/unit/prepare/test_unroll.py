"""Loops and scans of a known length become straight lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_ir.serde import deserialize_model, serialize_model

from tests.onnx_models import INT64, model, tensor
from tvmedge.model.prepare.expansions.body_shapes import BodyShapes
from tvmedge.model.prepare.expansions.unroll import MAX_NODES
from tvmedge.model.prepare.expansions.unroll_loop import UnrollLoop
from tvmedge.model.prepare.expansions.unroll_scan import UnrollScan
from tvmedge.model.prepare.fold import Fold

BOOL = TensorProto.BOOL


def _loop(
    body: list[onnx.NodeProto], weights: dict[str, Any], count: str, condition: str, trips: int
) -> onnx.ModelProto:
    """s: state of 2 floats, k: what an iteration puts out, w: outer value."""
    graph = helper.make_graph(
        body,
        "body",
        [tensor("i", [], INT64), tensor("c", [], BOOL), tensor("s", [2])],
        [tensor("c2", [], BOOL), tensor("s2", [2]), tensor("k", [2])],
    )
    node = helper.make_node("Loop", [count, condition, "x"], ["y", "z"], body=graph)
    return model([node], [tensor("x", [2])], [tensor("y", [2]), tensor("z", [trips, 2])], weights)


def _body(condition: onnx.NodeProto | None = None) -> list[onnx.NodeProto]:
    return [
        condition or helper.make_node("Identity", ["c"], ["c2"]),
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["s", "w"], ["p"]),
        helper.make_node("Add", ["p", "f"], ["s2"]),
        helper.make_node("Neg", ["p"], ["k"]),
    ]


X = {"x": np.array([1, -2], np.float32)}


def _expected(trips: int) -> tuple[np.ndarray, np.ndarray]:
    state, out = X["x"], np.zeros((0, 2), np.float32)
    for i in range(trips):
        product = state * np.array([2, 3], np.float32)
        state, out = product + i, np.vstack([out, -product])
    return state, out


@pytest.mark.parametrize("trips", [0, 1, 4])
@pytest.mark.parametrize("condition", ["", "go"])
def test_a_loop_of_a_constant_count(trips: int, condition: str) -> None:
    weights = {"n": np.array(trips), "go": np.array(True), "w": np.array([2, 3], np.float32)}
    _check(_loop(_body(), weights, "n", condition, trips), trips)


def test_a_loop_that_does_not_start() -> None:
    weights = {"n": np.array(3), "go": np.array(False), "w": np.array([2, 3], np.float32)}
    _check(_loop(_body(), weights, "n", "go", 0), 0)


def test_a_loop_that_ends_after_its_first_iteration() -> None:
    stop = helper.make_node("Constant", [], ["c2"], value=helper.make_tensor("", BOOL, [], [False]))
    weights = {"n": np.array(3), "go": np.array(True), "w": np.array([2, 3], np.float32)}
    _check(_loop(_body(stop), weights, "n", "go", 1), 1)


def _check(proto: onnx.ModelProto, trips: int) -> None:
    result = UnrollLoop()(deserialize_model(onnx.shape_inference.infer_shapes(proto)))
    assert [node.op_type for node in result.model.graph].count("Neg") == trips
    onnx.checker.check_model(serialize_model(result.model))
    for got, want in zip(_run(result.model, X), _expected(trips), strict=True):
        np.testing.assert_array_equal(got, want)


def test_loops_that_are_long_or_that_data_ends_stay() -> None:
    weights = {"n": np.array(1000), "go": np.array(True), "w": np.array([2, 3], np.float32)}
    by_data = helper.make_node("Less", ["i", "n"], ["c2"])
    for proto in (
        _loop(_body(), weights, "n", "go", 1000),
        _loop(_body(by_data), weights | {"n": np.array(3)}, "n", "go", 3),
        _loop(_body(), weights, "", "go", 1),
    ):
        assert not UnrollLoop()(deserialize_model(proto)).modified


@pytest.mark.parametrize("grows", [False, True])
def test_a_loop_of_middle_length_is_unrolled_where_no_real_loop_can_be(grows: bool) -> None:
    trips = MAX_NODES + 1
    keep = helper.make_node("Neg", ["s"], ["s2"])
    double = helper.make_node("Concat", ["s", "s"], ["s2"], axis=0)
    graph = helper.make_graph(
        [double if grows else keep, helper.make_node("Not", ["d"], ["c2"])],
        "body",
        [tensor("i", [], INT64), tensor("c", [], BOOL), _of_any_shape("s")],
        [tensor("c2", [], BOOL), _of_any_shape("s2")],
    )
    node = helper.make_node("Loop", ["n", "", "x"], ["y"], body=graph)
    weights = {"n": np.array(trips), "d": np.array(False)}
    proto = model([node], [tensor("x", [2])], [_of_any_shape("y")], weights)
    prepared = deserialize_model(onnx.shape_inference.infer_shapes(proto))
    Fold()(prepared)
    BodyShapes()(prepared)
    assert UnrollLoop()(prepared).modified == grows


def _of_any_shape(name: str) -> onnx.ValueInfoProto:
    return helper.make_value_info(name, helper.make_tensor_type_proto(TensorProto.FLOAT, None))


@given(
    length=st.integers(1, 4),
    axes=st.lists(st.integers(-2, 1), min_size=2, max_size=2),
    directions=st.lists(st.integers(0, 1), min_size=2, max_size=2),
)
def test_a_scan(length: int, axes: list[int], directions: list[int]) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Add", ["s", "a"], ["s2"]),
            helper.make_node("Identity", ["s2"], ["k"]),
        ],
        "body",
        [tensor("s", [3]), tensor("a", [3])],
        [tensor("s2", [3]), tensor("k", [3])],
    )
    node = helper.make_node(
        "Scan",
        ["s0", "x"],
        ["y", "z"],
        body=body,
        num_scan_inputs=1,
        scan_input_axes=axes[:1],
        scan_input_directions=directions[:1],
        scan_output_axes=axes[1:],
        scan_output_directions=directions[1:],
    )
    shape = [length, 3] if axes[0] in (0, -2) else [3, length]
    stacked = [length, 3] if axes[1] in (0, -2) else [3, length]
    proto = model(
        [node],
        [tensor("s0", [3]), tensor("x", shape)],
        [tensor("y", [3]), tensor("z", stacked)],
    )
    rng = np.random.default_rng(length)
    x = rng.normal(size=shape).astype(np.float32)
    result = UnrollScan()(deserialize_model(proto))
    assert [n.op_type for n in result.model.graph].count("Add") == length
    slices = x if axes[0] in (0, -2) else x.T
    sums = np.cumsum(slices[::-1] if directions[0] else slices, axis=0)
    sums = sums[::-1] if directions[1] else sums
    want = sums if axes[1] in (0, -2) else sums.T
    got = _run(result.model, {"s0": np.zeros(3, np.float32), "x": x})[1]
    np.testing.assert_allclose(got, want, rtol=1e-5)


def _run(graph: Any, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    return ReferenceEvaluator(serialize_model(graph)).run(None, inputs)  # type: ignore[return-value]
