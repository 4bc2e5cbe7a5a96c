"""The kernel benchmark: layers are what they say, and limits are measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tvm
from onnx.reference import ReferenceEvaluator

from scripts.bench.kernels import measure
from scripts.bench.kernels.cases import Case
from scripts.bench.kernels.limits import Limits
from tests.cpu_kernels import CORES

SMALL = [
    Case("1x1", 20, 6, 24, 1),
    Case("3x3", 16, 9, 8, 3, 2),
    Case("first", 3, 12, 16, 7, 2),
    Case("depthwise", 16, 8, 16, 5, 2, 16),
]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_the_reference_is_onnx_s(case: Case) -> None:
    tensors = case.tensors()
    (want,) = ReferenceEvaluator(case.proto(tensors)).run(None, {"x": tensors["x"]})
    np.testing.assert_allclose(case.exact(tensors), want, rtol=1e-4, atol=1e-5)
    assert case.bytes_out == want.nbytes
    taps = tensors["w"][0].size
    assert case.flops == 2 * want.size * taps


def test_a_layer_is_timed_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_ROUNDS", 2)
    machine = measure.Machine(CORES["avx2"], tvm.target.Target("llvm"))
    limits = Limits(4, "x86_64_v3")
    timing = measure.measure(SMALL[0], machine, limits)
    assert timing.rule == "conv" and timing.tile
    assert 0 < timing.ms <= timing.median_ms
    assert timing.peak > 0 and 0 < timing.of_peak <= timing.of_limit
    assert timing.error <= 1e-5
    broken = replace(SMALL[0], groups=1)
    monkeypatch.setattr(Case, "exact", lambda self, given: np.ones((1, 24, 6, 6)))
    assert measure.measure(broken, machine, limits).error > 0.1


def test_limits_are_those_of_a_processor() -> None:
    limits = Limits(4, "x86_64_v3")
    assert 1e8 < limits.flops() < 1e13
    assert 0 < limits.stream_seconds(4096, 4096) < limits.stream_seconds(1 << 20, 1 << 18)
