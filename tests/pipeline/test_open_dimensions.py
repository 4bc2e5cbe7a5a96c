"""Models whose batch, sequence or image size stays open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.boards.address import BoardAddress, parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import read_bundle
from tvmedge.cli import main
from tvmedge.errors import InputError
from tvmedge.types import Bounds


def _compile(proto: onnx.ModelProto, tmp_path: Path, *flags: str, target: str = "host") -> Path:
    path = save(proto, tmp_path / "m.onnx")
    inputs = [f"--input={flag}" for flag in flags]
    assert main(["compile", str(path), "-t", target, "-o", str(tmp_path), *inputs]) == 0
    return tmp_path / f"m-{target}.tvmedge"


@pytest.mark.parametrize(("board", "target"), [("local", "host"), ("emulated", "raspberry-pi-4b")])
def test_one_bundle_runs_every_batch(tmp_path: Path, board: str, target: str) -> None:
    proto = conv_net(batch="N")
    path = _compile(proto, tmp_path, target=target)
    reference = ReferenceEvaluator(proto)
    rng = np.random.default_rng(0)
    address: BoardAddress = parse_address(board)
    with open_session(address, path) as session:
        for batch in (1, 5, 2, 2):
            x = rng.standard_normal((batch, 3, 16, 16)).astype(np.float32)
            got = session.run({"in:0": x})["out/0"]
            want = reference.run(None, {"in:0": x})[0]
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    assert main(["run", str(path), "--check", "--board", board]) == 0
    assert main(["profile", str(path), "--repetitions", "2", "--board", board]) == 0


def test_bounds_are_kept_and_checked(tmp_path: Path) -> None:
    path = _compile(conv_net(batch="N"), tmp_path, "in:0:B=1..4x3x16x16")
    bundle = read_bundle(path)
    assert bundle.manifest.signature.symbols == {"B": Bounds(1, 4)}
    assert bundle.manifest.signature.outputs[0].shape == ("B", 128)
    assert bundle.check_inputs()["in:0"].shape[0] == 4  # the highest is the hardest
    with open_session(parse_address("local"), bundle) as session:
        with pytest.raises(InputError, match="compiled for 1 to 4"):
            session.run({"in:0": np.zeros((5, 3, 16, 16), np.float32)})
        assert session.run({"in:0": np.zeros((3, 3, 16, 16), np.float32)})["out/0"].shape[0] == 3


def test_image_sizes_stay_open_with_the_outputs_shape_as_an_expression(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((8, 3, 3, 3)).astype(np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    proto = model(nodes, [tensor("x", [1, 3, "H", "W"])], [tensor("y", [1, 8, "h", "w"])], weights)
    path = save(proto, tmp_path / "m.onnx")
    flags = ["--input", "x:1x3xH=8..64xW=8..64"]
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path), *flags]) == 0
    bundle = read_bundle(tmp_path / "m-host.tvmedge")
    reference = ReferenceEvaluator(proto)
    with open_session(parse_address("local"), bundle) as session:
        for height, width in ((8, 8), (31, 64), (17, 9)):
            x = rng.standard_normal((1, 3, height, width)).astype(np.float32)
            want = reference.run(None, {"x": x})[0]
            np.testing.assert_allclose(session.run({"x": x})["y"], want, rtol=1e-4, atol=1e-4)


def test_a_sequence_length_shared_by_two_inputs(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["q", "k"], ["s"]),
        helper.make_node("Softmax", ["s"], ["y"], axis=-1),
    ]
    proto = model(nodes, [tensor("q", ["T", 8]), tensor("k", [8, "T"])], [tensor("y", ["T", "T"])])
    path = _compile(proto, tmp_path)
    rng = np.random.default_rng(0)
    with open_session(parse_address("local"), path) as session:
        for length in (1, 7, 16):
            q = rng.standard_normal((length, 8)).astype(np.float32)
            k = rng.standard_normal((8, length)).astype(np.float32)
            want = ReferenceEvaluator(proto).run(None, {"q": q, "k": k})[0]
            got = session.run({"q": q, "k": k})["y"]
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        with pytest.raises(InputError, match="another input has"):
            session.run({"q": q, "k": k[:, :3]})


def test_what_cannot_stay_open_names_the_way_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nodes = [helper.make_node("Add", ["x", "three"], ["y"], name="sum")]
    proto = model(nodes, [tensor("x", ["N"])], [tensor("y", ["M"])], {"three": np.zeros(3, "f")})
    path = save(proto, tmp_path / "m.onnx")
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path)]) == 2
    error = capfd.readouterr().err
    assert "'sum'" in error and error.count("\n") == 1, error
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path), "--input=x:3"]) == 0
