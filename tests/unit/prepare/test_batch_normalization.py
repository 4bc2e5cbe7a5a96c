"""BatchNormalization with constant statistics, as a factor and a summand."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.operators.batch_normalization import BatchNormalization

NAMES = ("scale", "bias", "mean", "variance")


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (1, 3, 4, 5)])
def test_it_computes_the_same(shape: tuple[int, ...]) -> None:
    node = helper.make_node("BatchNormalization", ["x", *NAMES], ["y"], epsilon=1e-3)
    proto = model([node], [tensor("x", list(shape))], [tensor("y", list(shape))], opset=18)
    generator = np.random.default_rng(0)
    for name in NAMES:
        array = generator.uniform(0.5, 2, 3).astype(np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    x = generator.standard_normal(shape).astype(np.float32)
    after = check_rewrite(BatchNormalization(), proto, {"x": x})
    assert "BatchNormalization" not in after


def test_computed_statistics_stay() -> None:
    node = helper.make_node("BatchNormalization", ["x", *NAMES], ["y"])
    inputs = [tensor("x", [2, 3, 4]), *(tensor(name, [3]) for name in NAMES)]
    proto = model([node], inputs, [tensor("y", [2, 3, 4])], opset=18)
    assert not BatchNormalization()(ir.serde.deserialize_model(proto)).modified
