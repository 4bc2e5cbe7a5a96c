"""The input of a bundle's own check, where the user gives none."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.onnx_models import conv_net, save
from tvmedge.compiler.compile import CompileOptions, open_frontend
from tvmedge.compiler.reference import CheckVectors
from tvmedge.model.load import load

ENCODER = """<ir_version: 8, opset_import: ["": 17]>
g (int64[1, 8] ids, int64[1, 8] types, int64[1, 8] mask) => (float[1, 8, 4] y) {
  one = Constant <value = int64[1] {1}> ()
  words = Constant <value = float[3, 4] {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}> ()
  kinds = Constant <value = float[2, 4] {1, 2, 3, 4, 5, 6, 7, 8}> ()
  lowest = Constant <value = float[1] {-3.4e38}> ()
  axis = Constant <value = int64[1] {1}> ()
  word = Gather (words, ids)
  kind = Gather (kinds, types)
  x = Add (word, kind)
  masked = Sub (one, mask)
  m = Cast <to = 1> (masked)
  added = Mul (m, lowest)
  row = Unsqueeze (added, axis)
  turned = Transpose <perm = [0, 2, 1]> (x)
  scores = MatMul (x, turned)
  open = Add (scores, row)
  shares = Softmax <axis = -1> (open)
  y = MatMul (shares, x)
}"""
# It answers to large bright areas only.
EDGES = """<ir_version: 8, opset_import: ["": 17]>
g (float[1, 3, 32, 32] x) => (float[1, 3, 32, 32] y) {
  plane = ReduceMean <axes = [2, 3]> (x)
  wide = Sub (x, plane)
  far = AveragePool <kernel_shape = [9, 9], pads = [4, 4, 4, 4]> (wide)
  strong = Constant <value = float[1] {60}> ()
  least = Constant <value = float[1] {0.25}> ()
  over = Sub (far, least)
  sharp = Mul (over, strong)
  y = Sigmoid (sharp)
}"""


def vectors(path: Path, proto: onnx.ModelProto, *given: str) -> CheckVectors:
    specs = given or ("random",)
    loaded = load(save(proto, path / "m.onnx"))
    return open_frontend(loaded, CompileOptions(check_inputs=specs)).vectors


def test_an_encoders_tokens_stay_in_their_tables_and_its_mask_is_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="tvmedge"):
        found = vectors(tmp_path, onnx.parser.parse_model(ENCODER))
    assert not caplog.records
    assert {name: int(array.max()) for name, array in found.inputs.items()} == {
        "ids": 2,
        "types": 1,
        "mask": 1,
    }
    assert np.isfinite(found.outputs["y"]).all()


def test_a_detector_that_finds_nothing_in_noise_sees_a_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="tvmedge"):
        found = vectors(tmp_path, onnx.parser.parse_model(EDGES))
    assert not caplog.records
    assert found.outputs["y"].max() > 0.5 and found.doubts == ()


def test_what_the_user_gives_is_taken_and_doubted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = np.full((1, 3, 32, 32), 0.5, np.float32)
    np.save(tmp_path / "x.npy", given)
    with caplog.at_level(logging.WARNING, logger="tvmedge"):
        found = vectors(tmp_path, onnx.parser.parse_model(EDGES), f"x={tmp_path / 'x.npy'}")
    np.testing.assert_array_equal(found.inputs["x"], given)
    assert "stays below" in caplog.text and "--check-input" in caplog.text


def test_random_stays_random_where_it_says_enough(tmp_path: Path) -> None:
    x = vectors(tmp_path, conv_net()).inputs["in:0"]
    assert x.std() == pytest.approx(12**-0.5, rel=0.1)  # evenly distributed
