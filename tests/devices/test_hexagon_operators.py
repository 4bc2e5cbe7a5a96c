"""Operators of quantised tensors on an emulated Hexagon, each bit for bit numpy's integers."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.hexagon_kernels import hexagon
from tests.quantised_graphs import INTEGER_CORES, Qdq, random_codes
from tests.quantised_reference import Array, Quantised
from tests.quantised_resize import resized
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import write_bundle
from tvmedge.compiler.compile import compile_model
from tvmedge.compiler.passes.quantised.values import Grid
from tvmedge.model.load import load
from tvmedge.types import KernelCounts

STEP, ZERO = 0.05, 117


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


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_images_in_blocks_grow_in_vectors(
    mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Between convolutions, where a pixel's 32 channels are neighbours; the same as here."""
    rng, made = np.random.default_rng(0), Qdq()
    real = made.given(Quantised(random_codes((1, 64, 7, 8), "uint8"), STEP, ZERO))

    def convolved(real: str) -> str:
        array = rng.integers(-127, 128, (64, 64, 1, 1)).astype(np.int8)
        scales = (rng.uniform(0.5, 1, 64) / 600).astype(np.float32)
        return made.codes(made.node("Conv", real, made.weights(array, scales)), 0.03, 128, "uint8")

    def settled(codes: str) -> str:
        return made.real(codes, Quantised(np.zeros(1, np.uint8), 0.03, 128))

    sizes = made.constant(np.array([1, 64, 14, 12], np.int64))
    given = settled(convolved(real)), "", "", sizes
    larger = made.codes(made.node("Resize", *given, mode=mode), 0.03, 128, "uint8")
    output = convolved(settled(larger))
    expected, _ = made.run(output, INTEGER_CORES["avx2"])
    result, kernels = _ran(made, output, tmp_path, caplog)
    np.testing.assert_array_equal(result, expected)
    scalar = {kernel.kernel for kernel in kernels if not kernel.counts.vector_instructions}
    assert scalar <= {"pack", "unpack"}  # the model's own input and output are in no blocks
