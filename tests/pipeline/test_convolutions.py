"""Convolutions of half-precision numbers are summed in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from tests.operator_runs import node_model, run_compiled


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("group", [1, 4])
@pytest.mark.parametrize("bias", [False, True])
def test_half_convolutions_are_rounded_once(rank: int, group: int, bias: bool) -> None:
    rng = np.random.default_rng(rank)
    sides: dict[int, Any] = {1: [200], 2: [12, 9], 3: [5, 6, 7]}
    arrays = [
        rng.normal(size=[2, 4, *sides[rank]]),
        rng.normal(size=[8, 4 // group, *[3] * rank]),
        rng.normal(size=[8]),
    ]
    wide = [array.astype(np.float16).astype(np.float32) for array in arrays[: 2 + bias]]
    how: dict[str, Any] = {"group": group, "strides": [2] * rank, "auto_pad": "SAME_UPPER"}
    half = [array.astype(np.float16) for array in wide]
    (got,) = run_compiled(node_model("Conv", half, **how), half)
    proto = node_model("Conv", wide, **how)
    outputs: Any = ReferenceEvaluator(proto).run(None, {f"i{k}": a for k, a in enumerate(wide)})
    # Sums near zero cancel: there the order of the terms shows.
    np.testing.assert_allclose(got, outputs[0].astype(np.float16), rtol=1e-3, atol=1e-5)
