"""Operators of quantised tensors on an emulated Hexagon, each bit for bit numpy's integers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.hexagon_kernels import hexagon
from tests.quantised_graphs import Qdq, random_codes
from tests.quantised_reference import Array, Geometry, Quantised, convolved, requantised
from tests.quantised_resize import between_pixels, resized
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import write_bundle
from tvmedge.compiler.compile import compile_model
from tvmedge.compiler.passes.quantised.values import Grid
from tvmedge.model.load import load
from tvmedge.types import KernelCounts

STEP, ZERO = 0.05, 117
GRID = Quantised(np.zeros(1, np.uint8), 0.03, 128)  # of what comes after a model's input


def _ran(
    made: Qdq, output: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> tuple[Array, tuple[KernelCounts, ...]]:
    """The output and what each kernel took; nothing may run in floats."""
    onnx.save(made.model(output), folder / "net.onnx")
    with caplog.at_level(logging.WARNING):
        contents = compile_model(load(folder / "net.onnx"), hexagon())
    assert "run in float32" not in caplog.text and "is in floats" not in caplog.text
    write_bundle(folder / "net.tvmedge", contents)
    with open_session(parse_address("emulated"), folder / "net.tvmedge") as session:
        (result,) = session.run(made.inputs).values()
        return result, session.kernel_counts()


def _nearest(reals: Array, scale: float, zero: int) -> Array:
    return Grid(float(np.float32(scale)), zero, "uint8").nearest(reals)


def test_activations_by_tables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Sigmoid, tanh, hard-swish, one after the other: every code of each, in vectors."""
    made, value = Qdq(), Quantised(random_codes((1, 64, 8, 16), "uint8"), STEP, ZERO)
    real = made.given(value)
    steps = {
        "HardSwish": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), 0.03, 13),
        "Tanh": (np.tanh, 1 / 128, 128),
        "Sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 1 / 256, 0),
    }
    codes = ""
    for kind, (function, scale, zero) in steps.items():
        codes = made.codes(made.node(kind, real), scale, zero, "uint8")
        reals = function(value.reals.astype(np.float64)).astype(np.float32)
        value = Quantised(_nearest(reals, scale, zero), float(np.float32(scale)), zero)
        real = made.real(codes, value)
    result, kernels = _ran(made, codes, tmp_path, caplog)
    np.testing.assert_array_equal(result, value.codes)
    assert all(kernel.counts.vector_instructions for kernel in kernels)


@pytest.mark.parametrize("columns", [64, 100])
def test_softmax(columns: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Rows of whole pieces of vectors, and of others, parts of which lie in two."""
    made, value = Qdq(), Quantised(random_codes((6, columns), "uint8"), STEP, ZERO)
    codes = made.codes(made.node("Softmax", made.given(value), axis=-1), 1 / 256, 0, "uint8")
    result, kernels = _ran(made, codes, tmp_path, caplog)
    distance = value.codes.max(axis=1, keepdims=True).astype(np.int64) - value.codes
    below = np.exp(-distance * np.float64(np.float32(STEP))) * 2.0**20
    total = np.rint(below).astype(np.int64).sum(axis=1, keepdims=True)
    share = (np.rint(below * 256).astype(np.int64) + (total >> 1)) // total
    np.testing.assert_array_equal(result, np.minimum(share, 255))
    assert sum(kernel.counts.vector_instructions for kernel in kernels)


def test_images_between_pixels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    case = resized(32, (5, 4), (9, 8), "half_pixel")
    result, _ = _ran(case.model, case.output, tmp_path, caplog)
    np.testing.assert_array_equal(result, case.expected)


@dataclass
class _Net:
    """A model that grows by convolutions, and what its last tensor is in numpy's integers."""

    made: Qdq
    real: str
    value: Quantised

    def convolved(self, outs: int, seed: int = 0) -> _Net:
        """By ``outs`` filters of 1x1."""
        rng, ins = np.random.default_rng(seed), self.value.codes.shape[1]
        array = rng.integers(-127, 128, (outs, ins, 1, 1)).astype(np.int8)
        scales = (rng.uniform(0.5, 1, outs) / (75 * np.sqrt(ins))).astype(np.float32)
        acc = convolved(self.value.codes.astype(np.int64) - self.value.zero, array, Geometry())
        before, after = (np.float64(np.float32(scale)) for scale in (self.value.scale, GRID.scale))
        ratio = before * scales.astype(np.float64)[:, None, None] / after
        node = self.made.node("Conv", self.real, self.made.weights(array, scales))
        return self.then(node, requantised(acc, ratio, GRID.zero, "uint8"))

    def then(self, node: str, codes: Array) -> _Net:
        """``node``, whose codes are known."""
        value = Quantised(codes, GRID.scale, GRID.zero)
        quantised = self.made.codes(node, GRID.scale, GRID.zero, "uint8")
        return _Net(self.made, self.made.real(quantised, value), value)

    def ran(self, folder: Path, caplog: pytest.LogCaptureFixture, *others: str) -> None:
        """Bit for bit, and in vectors but for the model's own input and output, and ``others``."""
        codes = self.made.codes(self.real, GRID.scale, GRID.zero, "uint8")
        result, kernels = _ran(self.made, codes, folder, caplog)
        np.testing.assert_array_equal(result, self.value.codes)
        scalar = {kernel.kernel for kernel in kernels if not kernel.counts.vector_instructions}
        assert scalar <= {"pack", "unpack", *others}


def _net(channels: int, size: tuple[int, int]) -> _Net:
    made, value = Qdq(), Quantised(random_codes((1, channels, *size), "uint8"), STEP, ZERO)
    return _Net(made, made.given(value), value)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_images_in_blocks_grow_in_vectors(
    mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Between convolutions, where a pixel's 32 channels are neighbours."""
    net = _net(64, (7, 8)).convolved(64)
    sizes = net.made.constant(np.array([1, 64, 14, 12], np.int64))
    node = net.made.node("Resize", net.real, "", "", sizes, mode=mode)
    if mode == "linear":
        codes = between_pixels(net.value, (14, 12), "half_pixel", GRID)
    else:  # the pixel whose middle is nearest, of two the first
        rows, columns = (
            np.ceil((np.arange(after) + 0.5) * before / after - 1).astype(np.int64)
            for before, after in ((7, 14), (8, 12))
        )
        codes = net.value.codes[:, :, rows][:, :, :, columns]
    net.then(node, codes).convolved(64, 1).ran(tmp_path, caplog)


@pytest.mark.parametrize("channels", [(64, 32), (48, 40)])
def test_concat_of_blocks_and_of_parts(
    channels: tuple[int, int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of parts are scalar."""
    net = _net(32, (6, 7))
    parts = [net.convolved(count, seed) for seed, count in enumerate(channels)]
    node = net.made.node("Concat", *(part.real for part in parts), axis=1)
    codes = np.concatenate([part.value.codes for part in parts], axis=1)
    scalar = ["concat"] if channels[0] % 32 else []
    parts[0].then(node, codes).convolved(32, 2).ran(tmp_path, caplog, *scalar)


@pytest.mark.parametrize(("window", "step"), [(2, 2), (3, 1)])
def test_average_pools(
    window: int, step: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Depthwise sums by ones."""
    net = _net(64, (9, 11)).convolved(64)
    sizes = {"kernel_shape": [window, window], "strides": [step, step]}
    ones = np.ones((64, 1, window, window), np.int8)
    centred = net.value.codes.astype(np.int64) - GRID.zero
    acc = convolved(centred, ones, Geometry(strides=(step, step), groups=64))
    codes = requantised(acc, np.array(1 / window**2), GRID.zero, "uint8")
    net.then(net.made.node("AveragePool", net.real, **sizes), codes).ran(tmp_path, caplog)
