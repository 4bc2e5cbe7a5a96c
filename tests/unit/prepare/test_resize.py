"""Resize in all its modes, against ONNX's evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.convert_opset import ConvertOpset
from tvmedge.model.prepare.old_resize import OldResize, UpsampleModes
from tvmedge.model.prepare.operators.resize import Resize

COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
)
ROUNDING = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


def _resize(
    shape: list[int],
    kind: int = TensorProto.FLOAT,
    *,
    roi: list[float] | None = None,
    scales: list[float] | None = None,
    sizes: list[int] | None = None,
    **attributes: Any,
) -> onnx.ModelProto:
    weights = {
        "roi": None if roi is None else np.array(roi, np.float32),
        "scales": None if scales is None else np.array(scales, np.float32),
        "sizes": None if sizes is None else np.array(sizes, np.int64),
    }
    given_weights = {name: w for name, w in weights.items() if w is not None}
    inputs = ["x", *(name if name in given_weights else "" for name in weights)]
    node = helper.make_node("Resize", inputs, ["y"], **attributes)
    result = helper.make_tensor_value_info("y", kind, None)
    return model([node], [tensor("x", shape, kind)], [result], given_weights, opset=19)


@st.composite
def _attributes(draw: st.DrawFn) -> dict[str, Any]:
    mode = draw(st.sampled_from(["nearest", "linear", "cubic"]))
    attributes: dict[str, Any] = {
        "mode": mode,
        "coordinate_transformation_mode": draw(st.sampled_from(COORDINATES)),
        "exclude_outside": draw(st.integers(0, 1)),
    }
    if mode == "nearest":
        attributes |= {"nearest_mode": draw(st.sampled_from(ROUNDING)), "exclude_outside": 0}
    else:
        attributes["antialias"] = draw(st.integers(0, 1))
    if mode == "cubic":
        attributes["cubic_coeff_a"] = draw(st.sampled_from([-0.75, -0.5]))
    return attributes


# Not random: where a coordinate misses a whole number by 1e-17, the evaluator picks its
# neighbours and their weights for different places.
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data(), attributes=_attributes())
def test_every_mode_computes_the_same(data: st.DataObject, attributes: dict[str, Any]) -> None:
    # Nearest is compared where ONNX's evaluator computes coordinates without rounding.
    sides = st.sampled_from([2, 4, 8]) if attributes["mode"] == "nearest" else st.integers(2, 9)
    shape = [2, data.draw(sides), data.draw(sides)]
    attributes["axes"] = data.draw(st.sampled_from([[1, 2], [2, 1], [2]]))
    count = len(attributes["axes"])
    sizes = data.draw(st.lists(sides, min_size=count, max_size=count))
    roi = None
    if attributes["coordinate_transformation_mode"] == "tf_crop_and_resize":
        starts = st.sampled_from([-0.25, 0.0, 0.5])
        ends = st.sampled_from([0.75, 1.0, 1.25])
        roi = [data.draw(starts) for _ in sizes] + [data.draw(ends) for _ in sizes]
        attributes["extrapolation_value"] = 7.5
    elif attributes["coordinate_transformation_mode"] in ("half_pixel", "asymmetric"):
        policies = ["stretch", "not_larger", "not_smaller"]
        attributes["keep_aspect_ratio_policy"] = data.draw(st.sampled_from(policies))
    proto = _resize(shape, sizes=sizes, roi=roi, **attributes)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    after = check_rewrite(Resize(), proto, {"x": x}, rtol=1e-4, atol=1e-5)
    assert "Resize" not in after


@pytest.mark.parametrize("scales", [[1, 1, 2, 3], [1, 1, 0.6, 1.7], [2, 1.5, 1, 1]])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_scales(scales: list[float], mode: str) -> None:
    proto = _resize([2, 3, 5, 6], scales=scales, mode=mode)
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6)).astype(np.float32)
    check_rewrite(Resize(), proto, {"x": x}, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_a_strong_reduction_is_a_product(rank: int) -> None:
    shape = [64, 3, 2, 2, 2][:rank]
    proto = _resize(shape, sizes=[5], axes=[0], mode="linear", antialias=1)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    after = check_rewrite(Resize(), proto, {"x": x}, rtol=1e-4, atol=1e-5)
    assert "MatMul" in after and "Gather" not in after


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.float16, np.float64])
def test_other_types_round_and_saturate(dtype: type) -> None:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    proto = _resize([1, 1, 4, 4], kind, sizes=[7, 7], axes=[2, 3], mode="cubic")
    x = np.array([[0, 100, 0, 100], [100, 0, 120, 0]] * 2, dtype).reshape(1, 1, 4, 4)
    check_rewrite(Resize(), proto, {"x": x}, rtol=2e-3, atol=2e-3)


def test_one_pixel_is_the_first_in_pytorchs_mode() -> None:
    proto = _resize(
        [4], sizes=[1], mode="cubic", coordinate_transformation_mode="pytorch_half_pixel"
    )
    after = Resize()(ir.serde.deserialize_model(proto)).model
    x = np.array([3, 9, 9, 9], np.float32)
    (y,) = ReferenceEvaluator(ir.serde.serialize_model(after)).run(None, {"x": x})
    np.testing.assert_array_equal(y, [3])


def test_an_open_batch_stays_open() -> None:
    proto = _resize([1, 2, 3, 3], scales=[1, 1, 2, 2], mode="linear")
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    result = Resize()(ir.serde.deserialize_model(proto))
    assert result.modified


@pytest.mark.parametrize("roi", [[0.1, 0.9], None])
def test_a_region_that_is_not_clear_is_left(roi: list[float] | None) -> None:
    proto = _resize([8], roi=roi, scales=[2], coordinate_transformation_mode="tf_crop_and_resize")
    assert not Resize()(ir.serde.deserialize_model(proto)).modified


@pytest.mark.parametrize(
    ("op", "opset", "mode", "scale", "want"),
    [
        ("Upsample", 9, "nearest", 2.0, [1, 1, 2, 2, 3, 3, 4, 4]),
        ("Upsample", 9, "nearest", 1.5, [1, 1, 2, 3, 3, 4]),
        ("Upsample", 9, "linear", 2.0, [1, 1.5, 2, 2.5, 3, 3.5, 4, 4]),
        ("Resize", 10, "nearest", 2.0, [1, 1, 2, 2, 3, 3, 4, 4]),
        ("Resize", 10, "linear", 2.0, [1, 1.5, 2, 2.5, 3, 3.5, 4, 4]),
        ("Resize", 10, "nearest", 0.6, [1, 3]),
    ],
)
def test_before_opset_11(op: str, opset: int, mode: str, scale: float, want: list[float]) -> None:
    node = helper.make_node(op, ["x", "s"], ["y"], mode=mode)
    proto = model(
        [node],
        [tensor("x", [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        {"s": np.array([scale], np.float32)},
        opset=opset,
    )
    graph = OldResize()(ir.serde.deserialize_model(proto)).model
    graph = Resize()(UpsampleModes()(ConvertOpset()(graph).model).model).model
    after = ir.serde.serialize_model(graph)
    (y,) = ReferenceEvaluator(after).run(None, {"x": np.array([1, 2, 3, 4], np.float32)})
    np.testing.assert_array_equal(y, want)


def test_whole_factors_repeat() -> None:
    proto = _resize([2, 3, 4, 5], scales=[1, 1, 2, 3], mode="nearest")
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    after = check_rewrite(Resize(), proto, {"x": x})
    assert "Expand" in after and "Gather" not in after
