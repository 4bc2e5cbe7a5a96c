"""A quantised model on Hexagon: integers from input to output, the same as on any core."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.hexagon_kernels import hexagon
from tests.quantised_graphs import INTEGER_CORES, Qdq
from tests.quantised_reference import Quantised
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import write_bundle
from tvmedge.compiler.compile import CompileOptions, compile_model
from tvmedge.model.load import load


def _network() -> tuple[Qdq, str]:
    """Convolution, hard-swish, pools, depthwise, a squeeze and an excitation, a sum, a product."""
    rng, made = np.random.default_rng(0), Qdq()

    def weights(*shape: int) -> str:
        array = rng.integers(-127, 128, shape).astype(np.int8)
        scales = rng.uniform(0.5, 1, shape[0]) / (75 * np.sqrt(np.prod(shape[1:])))
        return made.weights(array, scales.astype(np.float32))

    def settled(real: str, scale: float, zero: int) -> str:
        codes = made.codes(real, scale, zero, "uint8")
        return made.real(codes, Quantised(np.zeros(1, np.uint8), scale, zero))

    image = rng.integers(0, 256, (1, 3, 17, 19)).astype(np.uint8)
    x = made.given(Quantised(image, 1 / 64, 114))
    x = made.node("Conv", x, weights(64, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
    x = settled(made.node("HardSwish", settled(x, 0.03, 128)), 0.016, 24)
    x = made.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    y = made.node("Conv", x, weights(64, 1, 3, 3), pads=[1, 1, 1, 1], group=64)
    y = settled(made.node("Relu", y), 0.02, 0)
    share = settled(made.node("GlobalAveragePool", y), 0.01, 0)
    share = settled(made.node("Conv", share, weights(64, 64, 1, 1)), 0.02, 128)
    share = settled(made.node("Sigmoid", share), 1 / 256, 0)
    y = settled(made.node("Mul", y, share), 0.012, 0)
    x = settled(made.node("Add", x, y), 0.03, 20)
    x = settled(made.node("GlobalAveragePool", x), 0.02, 10)
    x = made.node("Flatten", x)
    matrix = rng.integers(-127, 128, (64, 10)).astype(np.int8)
    x = made.node("MatMul", x, made.weights(matrix, np.float32([0.002])))
    return made, made.codes(x, 0.02, 128, "uint8")


def test_integers_from_input_to_output(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Bit for bit what the same integers are on this machine, and onnxruntime's within steps."""
    made, output = _network()
    expected, _ = made.run(output, INTEGER_CORES["avx2"])
    onnx.save(made.model(output), tmp_path / "net.onnx")
    spec = hexagon()
    with caplog.at_level(logging.WARNING):
        contents = compile_model(load(tmp_path / "net.onnx"), spec, CompileOptions())
    assert "run in float32" not in caplog.text and "is in floats" not in caplog.text
    write_bundle(tmp_path / "net.tvmedge", contents)
    with open_session(parse_address("emulated"), tmp_path / "net.tvmedge") as session:
        (result,) = session.run(made.inputs).values()
        counts = session.last_counts()
    np.testing.assert_array_equal(result, expected)
    assert counts.vector_share > 0.3


def test_a_part_in_floats_is_named_with_its_share(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = Qdq()
    codes = np.random.default_rng(1).integers(0, 256, (1, 8, 6, 6)).astype(np.uint8)
    x = made.given(Quantised(codes, 0.05, 128))
    array = numpy_helper.to_array(numpy_helper.from_array(np.ones((8, 8, 3, 3), np.float32)))
    x = made.node("Conv", x, made.constant(array))
    onnx.save(made.model(made.codes(x, 0.5, 128, "uint8")), tmp_path / "net.onnx")
    with caplog.at_level(logging.WARNING):
        compile_model(load(tmp_path / "net.onnx"), hexagon(), CompileOptions())
    assert "run in float32: nn.conv2d (1)" in caplog.text
    assert "% of the work is in floats" in caplog.text
