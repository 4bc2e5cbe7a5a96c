"""What training mode computes where nothing is random."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.batch_statistics import BatchStatistics
from tvmedge.model.prepare.operators.dropout import Dropout


@pytest.mark.parametrize("shape", [[4, 3], [2, 3, 5], [2, 3, 4, 5]])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16])
def test_the_statistics_of_the_batch(shape: list[int], kind: int) -> None:
    rng = np.random.default_rng(len(shape))
    names = ["x", "scale", "bias", "mean", "var"]
    sizes = [shape, [3], [3], [3], [3]]
    kinds = [kind, kind, kind, TensorProto.FLOAT, TensorProto.FLOAT]
    feeds = {
        name: rng.uniform(0.5, 2, size).astype(helper.tensor_dtype_to_np_dtype(k))
        for name, size, k in zip(names, sizes, kinds, strict=True)
    }
    node = helper.make_node(
        "BatchNormalization", names, ["y", "m", "v"], training_mode=1, momentum=0.75, epsilon=0.01
    )
    declared = [tensor(n, s, k) for n, s, k in zip(names, sizes, kinds, strict=True)]
    outputs = [tensor("y", shape, kind), tensor("m", [3]), tensor("v", [3])]
    proto = model([node], declared, outputs, opset=18)
    result = BatchStatistics()(ir.serde.deserialize_model(proto))
    y, mean, var = ReferenceEvaluator(ir.serde.serialize_model(result.model)).run(None, feeds)
    x = feeds["x"].astype(np.float64)
    over = tuple(axis for axis in range(len(shape)) if axis != 1)
    column = [1, 3, *[1] * (len(shape) - 2)]
    scale, bias = (feeds[name].astype(np.float64).reshape(column) for name in ("scale", "bias"))
    apart = x - x.mean(over, keepdims=True)
    want = apart / np.sqrt(x.var(over, keepdims=True) + 0.01) * scale + bias
    rough = kind == TensorProto.FLOAT16
    np.testing.assert_allclose(np.asarray(y), want, rtol=1e-3 if rough else 1e-4, atol=1e-3)
    assert np.asarray(y).dtype == feeds["x"].dtype
    for got, old, now in ((mean, "mean", x.mean(over)), (var, "var", x.var(over))):
        np.testing.assert_allclose(np.asarray(got), feeds[old] * 0.75 + now * 0.25, rtol=1e-5)


def test_inference_stays_with_the_importer() -> None:
    names = ["x", "scale", "bias", "mean", "var"]
    node = helper.make_node("BatchNormalization", names, ["y"])
    declared = [tensor("x", [2, 3]), *(tensor(name, [3]) for name in names[1:])]
    proto = model([node], declared, [tensor("y", [2, 3])], opset=18)
    assert not BatchStatistics()(ir.serde.deserialize_model(proto)).modified


@pytest.mark.parametrize(
    ("ratio", "training"), [(0.0, True), (0.0, False), (0.5, False), (0.5, None), (None, None)]
)
@pytest.mark.parametrize("masked", [False, True])
def test_dropout_that_drops_nothing(
    ratio: float | None, training: bool | None, masked: bool
) -> None:
    given = {"r": ratio, "t": training}
    names = [name if value is not None else "" for name, value in given.items()]
    node = helper.make_node("Dropout", ["x", *names], ["y", "m"] if masked else ["y"])
    outputs = [tensor("y", [2, 3]), tensor("m", [2, 3], TensorProto.BOOL)][: 1 + masked]
    weights = {
        name: np.array(value, bool if name == "t" else np.float32)
        for name, value in given.items()
        if value is not None
    }
    proto = model([node], [tensor("x", [2, 3])], outputs, weights, opset=18)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert "Dropout" not in check_rewrite(Dropout(), proto, {"x": x})


@pytest.mark.parametrize("weights", [{"t": np.array(True)}, {"t": np.array(True), "r": 0.5}, {}])
def test_what_is_random_or_unknown_stays(weights: dict[str, np.ndarray]) -> None:
    arrays = {
        name: np.asarray(v, None if name == "t" else "float32") for name, v in weights.items()
    }
    node = helper.make_node("Dropout", ["x", "r" if "r" in weights else "", "t"], ["y"])
    declared = [tensor("x", [3]), *([] if weights else [tensor("t", [], TensorProto.BOOL)])]
    proto = model([node], declared, [tensor("y", [3])], arrays, opset=18)
    assert not Dropout()(ir.serde.deserialize_model(proto)).modified
