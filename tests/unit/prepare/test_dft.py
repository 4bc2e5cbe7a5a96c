"""Fourier transforms as products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx_ir.serde import deserialize_model, serialize_model

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.expansions.dft import Dft, Stft


def _run(rewrite: Any, proto: Any, x: np.ndarray) -> np.ndarray:
    result = rewrite(deserialize_model(proto))
    assert result.modified
    (got,) = ReferenceEvaluator(serialize_model(result.model)).run(None, {"x": x})
    return np.asarray(got)


@given(
    samples=st.integers(2, 9),
    length=st.integers(2, 9),
    parts=st.integers(1, 2),
    inverse=st.booleans(),
    axis=st.sampled_from([0, 1, -2]),
    seed=st.integers(0, 99),
)
def test_a_two_sided_transform(
    samples: int, length: int, parts: int, inverse: bool, axis: int, seed: int
) -> None:
    shape = [samples, 3, parts] if axis == 0 else [3, samples, parts]
    x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    node = helper.make_node("DFT", ["x", "n", "a"], ["y"], inverse=int(inverse))
    weights = {"n": np.array(length), "a": np.array(axis)}
    proto = model([node], [tensor("x", shape)], [tensor("y", [None] * 3)], weights, opset=20)
    numbers = x[..., 0] + 1j * (x[..., 1] if parts == 2 else 0)
    find = np.fft.ifft if inverse else np.fft.fft
    want = find(numbers, length, axis=0 if axis == 0 else 1)
    got = _run(Dft(), proto, x)
    np.testing.assert_allclose(got[..., 0] + 1j * got[..., 1], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("length", [257, 300, 514, 529, 1024])
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("inverse", [False, True])
def test_a_long_transform_in_factors(length: int, parts: int, inverse: bool) -> None:
    x = np.random.default_rng(length).normal(size=(2, length, parts)).astype(np.float32)
    onesided = int(parts == 1 and not inverse)
    node = helper.make_node("DFT", ["x"], ["y"], inverse=int(inverse), onesided=onesided)
    proto = model([node], [tensor("x", x.shape)], [tensor("y", [None] * 3)], opset=20)
    numbers = x[..., 0] + 1j * (x[..., 1] if parts == 2 else 0)
    want = (np.fft.ifft if inverse else np.fft.fft)(numbers, axis=1)
    got = _run(Dft(), proto, x)
    want = want[:, : length // 2 + 1] if onesided else want
    error = np.abs(got[..., 0] + 1j * got[..., 1] - want).max()
    assert error < 1e-6 * np.abs(want).max()


def test_factors_make_small_tables() -> None:
    node = helper.make_node("DFT", ["x"], ["y"])
    proto = model([node], [tensor("x", [1, 4096, 2])], [tensor("y", [None] * 3)], opset=20)
    result = Dft()(deserialize_model(proto))
    sizes = [
        node.attributes["value"].as_tensor().size
        for node in result.model.graph
        if node.op_type == "Constant"
    ]
    assert sum(sizes) < 1 << 16


@pytest.mark.parametrize("length", [7, 8])
def test_a_onesided_transform_and_its_inverse(length: int) -> None:
    x = np.random.default_rng(length).normal(size=(2, length, 1)).astype(np.float32)
    forth = helper.make_node("DFT", ["x"], ["h"], onesided=1)
    back = helper.make_node("DFT", ["h", "n"], ["y"], onesided=1, inverse=1)
    proto = model([forth], [tensor("x", x.shape)], [tensor("h", [None] * 3)], opset=20)
    half = _run(Dft(), proto, x)
    want = np.fft.rfft(x[..., 0], axis=1)
    np.testing.assert_allclose(half[..., 0] + 1j * half[..., 1], want, rtol=1e-4, atol=1e-4)
    back.input[0] = "x"
    weights = {"n": np.array(length)}
    declared = tensor("x", half.shape)
    proto = model([back], [declared], [tensor("y", [None] * 3)], weights, opset=20)
    np.testing.assert_allclose(_run(Dft(), proto, half), x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("onesided", [0, 1])
@pytest.mark.parametrize("windowed", [True, False])
def test_stft(onesided: int, windowed: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 20, 1)).astype(np.float32)
    window = np.hanning(6).astype(np.float32)
    node = helper.make_node(
        "STFT", ["x", "step", "w" if windowed else "", "n"], ["y"], onesided=onesided
    )
    weights = {"step": np.array(3), "n": np.array(6)} | ({"w": window} if windowed else {})
    proto = model([node], [tensor("x", x.shape)], [tensor("y", [None] * 4)], weights, opset=18)
    frames = np.stack([x[:, s : s + 6, 0] for s in range(0, 15, 3)], axis=1)
    frames = frames * (window if windowed else 1)
    want = np.fft.rfft(frames) if onesided else np.fft.fft(frames)
    got = _run(Stft(), proto, x)
    np.testing.assert_allclose(got[..., 0] + 1j * got[..., 1], want, rtol=1e-4, atol=1e-4)


def test_a_transform_of_unknown_length_stays() -> None:
    node = helper.make_node("DFT", ["x"], ["y"])
    proto = model([node], [tensor("x", [1, "n", 1])], [tensor("y", [None] * 3)], opset=20)
    assert not Dft()(deserialize_model(proto)).modified
