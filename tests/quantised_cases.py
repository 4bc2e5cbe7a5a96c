"""Integer convolutions and products as QDQ models, with every code that they should give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.cpu_kernels import Array
from tests.quantised_graphs import Qdq, random_codes
from tests.quantised_reference import Geometry, Quantised, convolved, requantised

ZERO = {"uint8": 117, "int8": -9}


@dataclass(frozen=True)
class Case:
    """Sizes of a convolution."""

    image: tuple[int, int, int, int]
    weights: tuple[int, int, int, int]
    geometry: Geometry


CASES = {
    "first layer": Case((1, 3, 9, 11), (8, 3, 3, 3), Geometry((2, 2), 1)),
    "1x1": Case((1, 40, 5, 7), (33, 40, 1, 1), Geometry()),
    "3x3": Case((1, 16, 6, 7), (24, 16, 3, 3), Geometry(pad=1)),
    "strided": Case((2, 20, 7, 7), (16, 20, 3, 3), Geometry((2, 2), 1)),
    "depthwise": Case((1, 20, 7, 9), (20, 1, 3, 3), Geometry((1, 1), 1, 20)),
    "depthwise 5x5": Case((1, 16, 8, 8), (16, 1, 5, 5), Geometry((2, 2), 2, 16)),
    "groups": Case((1, 8, 5, 5), (12, 4, 3, 3), Geometry(pad=1, groups=2)),
}


@dataclass(frozen=True)
class Known:
    """``output`` of ``graph`` is ``expected``, by numpy's integers."""

    graph: Qdq
    output: str
    expected: Array


def convolution(case: Case, dtype: str) -> Known:
    """Of codes of ``dtype``, with a bias, a scale for every channel and a ReLU."""
    random = np.random.default_rng(3)
    x = Quantised(random_codes(case.image, dtype), 0.02, ZERO[dtype])
    outs = case.weights[0]
    w = random.integers(-127, 128, case.weights).astype(np.int8)
    ws = random.uniform(0.001, 0.01, outs).astype(np.float32)
    bias = random.integers(-4000, 4000, outs).astype(np.int32)
    steps = np.float64(np.float32(x.scale)) * ws.astype(np.float64)
    made, geometry = Qdq(), case.geometry
    scales = made.constant(steps.astype(np.float32))
    real_bias = made.node(
        "DequantizeLinear", made.constant(bias), scales, made.constant(bias * 0), axis=0
    )
    sums = made.node(
        "Conv",
        made.given(x),
        made.weights(w, ws),
        real_bias,
        strides=geometry.strides,
        pads=[geometry.pad] * 4,
        group=geometry.groups,
    )
    codes = made.codes(made.node("Relu", sums), 0.13, 3, dtype)
    acc = convolved(x.codes.astype(np.int64) - x.zero, w, geometry) + bias[:, None, None]
    ratios = (steps / np.float64(np.float32(0.13)))[:, None, None]
    return Known(made, codes, np.maximum(requantised(acc, ratios, 3, dtype), 3).astype(dtype))


def product(shape: tuple[int, ...], dtype: str) -> Known:
    """Of codes of ``dtype`` with a matrix of 19 columns, a scale for each."""
    random = np.random.default_rng(4)
    x = Quantised(random_codes(shape, dtype), 0.02, 100)
    w = random.integers(-127, 128, (shape[-1], 19)).astype(np.int8)
    ws = random.uniform(0.001, 0.01, 19).astype(np.float32)
    made = Qdq()
    sums = made.node("MatMul", made.given(x), made.weights(w, ws, axis=1))
    codes = made.codes(sums, 0.1, 128, "uint8")
    acc = (x.codes.astype(np.int64) - x.zero) @ w.astype(np.int64)
    ratios = np.float64(np.float32(x.scale)) * ws / np.float64(np.float32(0.1))
    return Known(made, codes, requantised(acc, ratios, 128, "uint8"))
