"""Fourier transforms written as convolutions add samples in pairs first."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.cpu_kernels import CORES, Array, compiled, exact, graph, random
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5


def _transform(size: int, *, cosines: bool = True, sines: bool = True) -> Array:
    """Rows of a Fourier transform under a Hann window: [rows, 1, size]."""
    angles = 2 * np.pi / size * np.outer(np.arange(size // 2 + 1), np.arange(size))
    parts = [np.cos(angles)] * cosines + [np.sin(angles)] * sines
    window = 0.5 - 0.5 * np.cos(2 * np.pi / size * np.arange(size))
    return (np.concatenate(parts) * window)[:, None].astype(np.float32)


def _run(weight: Array, core: str, **attributes: object) -> tuple[float, set[str]]:
    x, weights = {"x": random(2, 1, 400)}, {"w": weight, "b": random(len(weight), seed=1)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], strides=[30], **attributes),
        helper.make_node("Abs", ["c"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    return max_normalised_error(result, exact(nodes, x, weights, "y")), set(choices)


def _pairs(kernels: set[str]) -> bool:
    return any("pairs" in kernel for kernel in kernels)


@pytest.mark.parametrize("core", CORES)
def test_cosines_and_sines(core: str) -> None:
    error, kernels = _run(_transform(128), core)
    assert error <= CLOSE
    assert _pairs(kernels)


@pytest.mark.parametrize(("size", "cosines"), [(255, True), (256, False)])
def test_odd_windows_and_sines_alone(size: int, cosines: bool) -> None:
    error, kernels = _run(_transform(size, cosines=cosines, sines=not cosines), "avx2")
    assert error <= CLOSE
    assert _pairs(kernels)


def test_other_windows_stay() -> None:
    lopsided, mixed = _transform(128), _transform(128)
    lopsided[5, 0, 3] += 1e-3
    for weight, attributes in (
        (lopsided, {}),
        (mixed[np.random.default_rng(0).permutation(len(mixed))], {}),
        (random(130, 1, 64), {}),
        (_transform(128), {"dilations": [2]}),
        (_transform(128), {"pads": [5, 5]}),
    ):
        error, kernels = _run(weight, "avx2", **attributes)
        assert error <= CLOSE
        assert not _pairs(kernels)
