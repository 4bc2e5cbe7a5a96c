"""Normalisations of rows of known length, however many rows there are."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.cpu_kernels import CORES, Array, random
from tests.onnx_models import model, tensor
from tests.open_runs import imported
from tests.relax_runs import runner
from tvmedge.scheduling.engine import Choice
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5
SIZES = [(1, 1), (2, 5), (3, 33)]
WIDTHS = {"avx512": 384, "avx2": 24, "neon": 70, "armv7": 7}


def _normalised(width: int) -> tuple[list[object], dict[str, Array]]:
    """x + b, normalised, and added to what it was made of."""
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("LayerNormalization", ["a", "g", "s"], ["n"], axis=-1, epsilon=1e-12),
        helper.make_node("Add", ["n", "x"], ["y"]),
    ]
    return nodes, {name: random(width, seed=i) for i, name in enumerate("bgs")}


@pytest.mark.parametrize("core", CORES)
def test_any_number_of_rows_is_normalised_row_by_row(core: str) -> None:
    width = WIDTHS[core]
    nodes, constants = _normalised(width)
    shape = ["N", "S", width]
    proto = model(nodes, [tensor("x", shape)], [tensor("y", shape)], constants)
    seen: dict[str, Choice] = {}
    run = runner(imported(proto).module, CORES[core], seen.update)
    for batch, length in SIZES:
        x = random(batch, length, width, seed=9)
        (want,) = ReferenceEvaluator(proto).run(None, {"x": x.astype(np.float32)})
        (got,) = run([x])
        assert max_normalised_error(got, want) <= CLOSE
    assert [c.rule for name, c in seen.items() if "layer_norm" in name] == ["rows"]
