"""Types that numpy lacks, from an ONNX file through a bundle to a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, save, tensor
from tvmedge.boards.address import parse_address
from tvmedge.boards.run import RunRequest, run_bundle
from tvmedge.boards.session import open_session
from tvmedge.bundle import Bundle, read_bundle, write_bundle
from tvmedge.compiler.compile import CompileOptions, compile_model
from tvmedge.errors import InputError
from tvmedge.model.load import load
from tvmedge.targeting import target

LOCAL = parse_address("local")
BF16, INT4, UINT4 = TensorProto.BFLOAT16, TensorProto.INT4, TensorProto.UINT4
# The last three are NaN: CUDA's, one whose low bits alone are set, one with all set.
BITS = [0x3F808000, 0x3F818000, 0x7F800000, 0x80000000, 0x7FFFFFFF, 0x7F800001, 0xFFFFFFFF]


def bundle(proto: onnx.ModelProto, folder: Path, name: str = "host", **options: object) -> Bundle:
    loaded = load(save(proto, folder / "m.onnx"))
    contents = compile_model(loaded, target(name), CompileOptions(**options))  # type: ignore[arg-type]
    write_bundle(folder / "m.tvmedge", contents)
    return read_bundle(folder / "m.tvmedge")


def one(
    op: str, inputs: Sequence[onnx.ValueInfoProto], output: onnx.ValueInfoProto, **attributes: int
) -> onnx.ModelProto:
    names = [value.name for value in inputs]
    proto = model([helper.make_node(op, names, [output.name], **attributes)], inputs, [output])
    proto.opset_import[0].version, proto.ir_version = 21, 10
    return proto


def types(made: Bundle) -> list[str]:
    signature = made.manifest.signature
    return [spec.dtype for spec in (*signature.inputs, *signature.outputs)]


def test_casts_to_bfloat16_round_to_even_and_keep_nan(tmp_path: Path) -> None:
    x = np.array(BITS, np.uint32).view(np.float32)
    made = bundle(one("Cast", [tensor("x", [7])], tensor("y", [7], BF16), to=BF16), tmp_path)
    assert types(made) == ["float32", "bfloat16"]
    with open_session(LOCAL, made) as session:
        y = session.run({"x": x})["y"]
    assert y.dtype == ml_dtypes.bfloat16
    assert y[:4].view(np.uint16).tolist() == [0x3F80, 0x3F82, 0x7F80, 0x8000]
    assert np.isnan(y[4:].astype(np.float32)).all()


@pytest.mark.parametrize(("board", "name"), [("local", "host"), ("emulated", "raspberry-pi-4b")])
def test_bfloat16_weights_inputs_and_files(board: str, name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((64, 64)).astype(ml_dtypes.bfloat16)}
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    proto = model([node], [tensor("x", [2, 64], BF16)], [tensor("y", [2, 64], BF16)], weights)
    x = rng.standard_normal((2, 64)).astype(ml_dtypes.bfloat16)
    np.save(tmp_path / "x.npy", x)
    made = bundle(proto, tmp_path, name, check_inputs=(f"x={tmp_path / 'x.npy'}",))
    assert [array.dtype.name for array in made.weights().values()] == ["bfloat16"]
    output = tmp_path / "y.npz"
    request = RunRequest(inputs=(str(tmp_path / "x.npy"),), output=output, check=True)
    report = run_bundle(made.path, request, parse_address(board))
    assert report.check is not None and report.check.ok
    want = x.astype(np.float64) @ weights["w"].astype(np.float64)
    with np.load(output) as got:
        assert got["y"].dtype == np.float32
        np.testing.assert_allclose(got["y"], want, rtol=2**-8, atol=1e-4)


def test_narrow_integers_say_so_and_stay_in_range(tmp_path: Path) -> None:
    proto = one("Cast", [tensor("x", [4], INT4)], tensor("y", [4], UINT4), to=UINT4)
    made = bundle(proto, tmp_path)
    assert types(made) == ["int4", "uint4"]
    x = np.array([-8, -1, 0, 7], np.int8)
    with open_session(LOCAL, made) as session:
        y = session.run({"x": x})["y"]
        assert (y.dtype, y.tolist()) == (np.uint8, [8, 15, 0, 7])
        with pytest.raises(InputError, match="x:4 int4, which cannot hold 8"):
            session.run({"x": x + 1})
        with pytest.raises(InputError, match="x:4 int4 carried by int8, not x:4 int64"):
            session.run({"x": x.astype(np.int64)})


@pytest.mark.parametrize(("kind", "name"), [(TensorProto.FLOAT16, "float16"), (BF16, "bfloat16")])
def test_an_empty_input_gives_its_type(kind: int, name: str, tmp_path: Path) -> None:
    proto = one("CastLike", [tensor("x", [3]), tensor("like", [0], kind)], tensor("y", [3], kind))
    made = bundle(proto, tmp_path, shapes={"like": (0,)})
    assert types(made) == ["float32", name, name]
    assert made.check_inputs()["like"].shape == (0,)
    report = run_bundle(made.path, RunRequest(inputs=("random",), check=True))
    assert report.check is not None and report.check.ok
