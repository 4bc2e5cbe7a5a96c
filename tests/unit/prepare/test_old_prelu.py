"""Slopes of PRelu before opset 7."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes import Sequential

from tests.onnx_models import model, tensor
from tvmedge.errors import InputError
from tvmedge.model.prepare.convert_opset import ConvertOpset
from tvmedge.model.prepare.old_prelu import OldPRelu


@pytest.mark.parametrize("shape", [[2, 3], [2, 3, 3], [2, 3, 3, 3]])
@pytest.mark.parametrize("count", [1, 3])
def test_slopes_belong_to_channels(shape: list[int], count: int) -> None:
    x = -np.ones(shape, np.float32)
    slopes = np.arange(1, count + 1, dtype=np.float32)
    node = helper.make_node("PRelu", ["x", "s"], ["y"])
    declared = [tensor("x", shape), tensor("s", [count])]
    proto = model([node], declared, [tensor("y", shape)], {"s": slopes}, opset=6)
    result = Sequential(OldPRelu(), ConvertOpset())(ir.serde.deserialize_model(proto))
    after = ir.serde.serialize_model(result.model)
    (y,) = ReferenceEvaluator(after).run(None, {"x": x, "s": slopes})
    column = slopes.reshape([1, count, *[1] * (len(shape) - 2)])
    np.testing.assert_array_equal(np.asarray(y), x * column)


def test_an_unknown_rank_is_refused() -> None:
    nodes = [
        helper.make_node("Mystery", ["x"], ["h"], domain="d"),
        helper.make_node("PRelu", ["h", "s"], ["y"]),
    ]
    declared = [tensor("x", [3]), tensor("s", [3])]
    proto = model(nodes, declared, [tensor("y", [3])], opset=6, domains=[("d", 1)])
    with pytest.raises(Exception, match="unknown rank") as caught:
        OldPRelu()(ir.serde.deserialize_model(proto))
    assert isinstance(caught.value.__cause__ or caught.value, InputError)
