"""How a rewrite is tested: the model before and after computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes import PassBase


def check_rewrite(
    rewrite: PassBase,
    proto: onnx.ModelProto,
    inputs: dict[str, NDArray[Any]],
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> list[str]:
    """Run ``proto`` before and after ``rewrite`` on ONNX's reference evaluator.

    Returns the operators after it; the rewritten model passes ONNX's checker.
    """
    inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    graph = ir.serde.deserialize_model(inferred)
    result = rewrite(graph)
    assert result.modified
    after = ir.serde.serialize_model(result.model)
    onnx.checker.check_model(after)
    want = ReferenceEvaluator(proto).run(None, dict(inputs))
    got = ReferenceEvaluator(after).run(None, dict(inputs))
    for a, b in zip(got, want, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
    return [node.op_type for node in after.graph.node]
