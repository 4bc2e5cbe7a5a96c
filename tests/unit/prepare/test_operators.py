"""Rewrites of single operators that need no more than an example each."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes import PassBase

from tests.onnx_models import model
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.bit_shift import BitShift
from tvmedge.model.prepare.operators.conv_transpose import ConvTranspose
from tvmedge.model.prepare.operators.det import Det
from tvmedge.model.prepare.operators.empty import EmptyReduction
from tvmedge.model.prepare.operators.eye_like import EyeLike
from tvmedge.model.prepare.operators.float_mod import FloatMod
from tvmedge.model.prepare.operators.is_inf import IsInf
from tvmedge.model.prepare.operators.log_sum_exp import LogSumExp
from tvmedge.model.prepare.operators.lrn import Lrn
from tvmedge.model.prepare.operators.mean_variance import MeanVarianceNormalization
from tvmedge.model.prepare.operators.mish import Mish
from tvmedge.model.prepare.operators.pad_value import PadValue
from tvmedge.model.prepare.operators.reduce_types import ReduceTypes
from tvmedge.model.prepare.operators.relus import Relus
from tvmedge.model.prepare.operators.reverse_sequence import ReverseSequence
from tvmedge.model.prepare.operators.space_to_depth import SpaceToDepth
from tvmedge.model.prepare.operators.split_empty import SplitEmpty
from tvmedge.model.prepare.operators.top_k_types import TopKTypes
from tvmedge.model.prepare.operators.variadic import Variadic

NORMAL = np.random.default_rng(0).standard_normal((2, 4, 6, 6)).astype(np.float32)
SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.5, 0, 0.5, 2, -30], np.float32)
BOOLS = np.array([[True, False], [False, False]])


def _check(
    rewrite: PassBase,
    op: str,
    *inputs: np.ndarray,
    known: dict[int, np.ndarray] | None = None,
    outputs: int = 1,
    kind: int | None = None,
    shape: tuple[int, ...] | None = None,
    **attributes: Any,
) -> None:
    """``known`` inputs, by position, are constants."""
    known = known or {}
    free = iter(inputs)
    count = len(inputs) + len(known)
    arrays = {f"i{k}": known[k] if k in known else next(free) for k in range(count)}
    weights = {f"i{k}": array for k, array in known.items()}
    results = [f"y{k}" for k in range(outputs)]
    first = helper.np_dtype_to_tensor_dtype(arrays["i0"].dtype)
    fed = {name: array for name, array in arrays.items() if name not in weights}
    proto = model(
        [helper.make_node(op, list(arrays), results, **attributes)],
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in fed.items()
        ],
        [helper.make_tensor_value_info(name, kind or first, shape) for name in results],
        weights,
        opset=20,
    )
    assert op not in check_rewrite(rewrite, proto, fed, rtol=1e-4) or op in {
        "BitShift",
        "ConvTranspose",
        "Max",
        "Mod",
        "Pad",
        "ReduceMax",
        "ReduceMean",
        "TopK",
    }


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_det(side: int) -> None:
    _check(Det(), "Det", NORMAL[:, :, :side, :side])


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL2"])
def test_empty_reduction(op: str) -> None:
    x = np.zeros((2, 0, 3), np.float32)
    _check(EmptyReduction(), op, x, known={1: np.array([1])}, keepdims=0)


@pytest.mark.parametrize("k", [-1, 0, 2])
def test_eye_like(k: int) -> None:
    _check(EyeLike(), "EyeLike", NORMAL[0, 0], k=k, dtype=11, kind=TensorProto.DOUBLE)


@pytest.mark.parametrize(("positive", "negative"), [(1, 0), (0, 1), (0, 0)])
def test_is_inf(positive: int, negative: int) -> None:
    _check(
        IsInf(),
        "IsInf",
        SPECIAL,
        detect_positive=positive,
        detect_negative=negative,
        kind=TensorProto.BOOL,
    )


@pytest.mark.parametrize("keepdims", [0, 1])
def test_log_sum_exp(keepdims: int) -> None:
    x = np.array([[1, -np.inf], [0, 3], [1000, 999]], np.float32)
    _check(LogSumExp(), "ReduceLogSumExp", x, known={1: np.array([1])}, keepdims=keepdims)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [0.6, 0.75])
@pytest.mark.parametrize("size", [3, 4])
def test_lrn(size: int, beta: float, dtype: type) -> None:
    x = NORMAL.reshape(4, 4, 6, 3).astype(dtype)  # ONNX's evaluator visits as many channels
    _check(Lrn(), "LRN", x, size=size, alpha=0.5, beta=beta, bias=1.5)  # as images


def test_mean_variance_normalization() -> None:
    _check(MeanVarianceNormalization(), "MeanVarianceNormalization", NORMAL, shape=NORMAL.shape)


def test_mish() -> None:
    _check(Mish(), "Mish", np.linspace(-6, 30, 100).astype(np.float32))


def test_pad_value() -> None:
    value = np.array(7, np.float32)
    _check(PadValue(), "Pad", NORMAL[0, 0], value, known={1: np.array([1, 0, 2, 3])})


def test_pad_value_on_named_axes() -> None:
    known = {1: np.array([2, 1]), 3: np.array([-2])}
    _check(PadValue(), "Pad", NORMAL[0], np.array(7, np.float32), known=known)


def test_extremes_of_bool() -> None:
    _check(ReduceTypes(), "ReduceMax", BOOLS, known={1: np.array([1])})


def test_means_of_integers() -> None:
    x = np.array([[3, 4], [6, 8]], np.int32)
    _check(ReduceTypes(), "ReduceMean", x, known={1: np.array([1])})


@pytest.mark.parametrize("op", ["Elu", "HardSigmoid", "Selu", "ThresholdedRelu"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_relus(op: str, dtype: type) -> None:
    _check(Relus(), op, SPECIAL[3:].astype(dtype), alpha=0.75)


def test_infinity_is_kept_by_thresholded_relu() -> None:
    _check(Relus(), "ThresholdedRelu", SPECIAL[1:])


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_shrink(dtype: type) -> None:
    _check(Relus(), "Shrink", np.array([-3, -1, 0, 1, 3], dtype), lambd=1.5, bias=1.0)


@pytest.mark.parametrize("time", [0, 1])
def test_reverse_sequence(time: int) -> None:
    x = NORMAL[0, :4, :4, :3]
    lengths = np.array([1, 4, 2, 3])
    attributes = {"time_axis": time, "batch_axis": 1 - time}
    _check(ReverseSequence(), "ReverseSequence", x, lengths, **attributes)


def test_space_to_depth_is_the_inverse_of_depth_to_space() -> None:
    x = helper.make_tensor_value_info("x", 1, [2, 4, 6, 6])
    y = helper.make_tensor_value_info("y", 1, [2, 16, 3, 3])
    node = helper.make_node("SpaceToDepth", ["x"], ["y"], blocksize=2, mode="CRD")
    proto = ir.serde.deserialize_model(model([node], [x], [y], opset=28))
    after = ir.serde.serialize_model(SpaceToDepth()(proto).model)
    back = helper.make_node("DepthToSpace", ["y"], ["z"], blocksize=2, mode="CRD")
    after.graph.node.append(back)
    after.graph.output.append(helper.make_tensor_value_info("z", 1, [2, 4, 6, 6]))
    z = ReferenceEvaluator(after).run(["z"], {"x": NORMAL})[0]
    np.testing.assert_array_equal(z, NORMAL)


def test_split_empty() -> None:
    known = {1: np.array([0, 4, 0, 2])}
    _check(SplitEmpty(), "Split", NORMAL, known=known, axis=2, outputs=4)


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max"])
@pytest.mark.parametrize("count", [1, 3])
def test_variadic(op: str, count: int) -> None:
    _check(Variadic(), op, *[NORMAL[0], NORMAL[0, 0], NORMAL[1]][:count])


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_bit_shift_within_the_width(direction: str) -> None:
    x, by = np.array([1, 200, 255], np.uint8), np.array([0, 3, 7], np.uint8)
    _check(BitShift(), "BitShift", x, by, direction=direction)


def test_float_mod_has_the_divisors_sign() -> None:
    x = np.array([5.5, -5.5, 5.5, -5.5, 6, -6], np.float32)
    y = np.array([3, 3, -3, -3, 3, 3], np.float32)
    _check(FloatMod(), "Mod", x, y)


@pytest.mark.parametrize("kind", [TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64])
def test_top_k_of_unsigned(kind: int) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    x = np.array([3, np.iinfo(dtype).max, 0, 7], dtype)
    proto = model(
        [helper.make_node("TopK", ["x", "k"], ["v", "i"])],
        [helper.make_tensor_value_info("x", kind, [4])],
        [
            helper.make_tensor_value_info("v", kind, [2]),
            helper.make_tensor_value_info("i", TensorProto.INT64, [2]),
        ],
        {"k": np.array([2])},
        opset=18,
    )
    check_rewrite(TopKTypes(), proto, {"x": x})


@pytest.mark.parametrize(
    "attributes",
    [
        {"output_shape": [10, 8], "strides": [3, 2]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    ],
)
def test_conv_transpose(attributes: dict[str, Any]) -> None:
    x, w = NORMAL[:1, :1, :3, :3], NORMAL[:1, :2, :3, :3]
    _check(ConvTranspose(), "ConvTranspose", x, w, **attributes)
