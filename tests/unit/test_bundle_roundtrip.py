"""What goes into a bundle comes out, and the same goes in as the same bytes."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tvmedge.bundle import (
    BundleContents,
    CheckInfo,
    CodeInfo,
    Form,
    ModelInfo,
    TargetInfo,
    read_bundle,
    write_bundle,
)
from tvmedge.bundle.malformed import MalformedError
from tvmedge.dtypes import NAMES, carrier
from tvmedge.types import FixedInput, Signature, TensorSpec


def sample() -> BundleContents:
    """Small contents with what real ones have: odd names, a scalar, two dtypes."""
    return BundleContents(
        model=ModelInfo(name="net", sha256="ab" * 32, licence="MIT"),
        target=TargetInfo("host", "host", "x86_64-linux-gnu", "znver3", ("avx2", "fma")),
        signature=Signature(
            inputs=(TensorSpec("x:0", (1, 2, 3), "float32"), TensorSpec("n", (), "int64")),
            outputs=(TensorSpec("/head/预测", (1, 5), "float32"),),
        ),
        code=CodeInfo("code/model.so", Form.VM, ("w.b", "w.a"), 3, 1),
        check=CheckInfo("onnxruntime 1.23", 1e-4),
        versions={"tvm": "0.27.0", "tvmedge": "0.1.0"},
        records_sha256=None,
        library=b"\x7fELF library",
        weights={
            "w.a": np.arange(64, dtype=np.float32),
            "w.b": np.array([[True], [False], [True]]),
        },
        check_inputs={
            "x:0": np.linspace(0, 1, 6, dtype=np.float32).reshape(1, 2, 3),
            "n": np.array(7, np.int64),
        },
        check_outputs={"/head/预测": np.ones((1, 5), np.float32)},
        notice="Apache TVM: Apache-2.0\n",
    )


def test_everything_comes_back(tmp_path: Path) -> None:
    contents = sample()
    manifest = write_bundle(tmp_path / "net.tvmedge", contents)
    bundle = read_bundle(tmp_path / "net.tvmedge")

    assert bundle.manifest == manifest
    assert manifest.signature == contents.signature
    assert bytes(bundle.code()) == contents.library
    assert bytes(bundle.content("NOTICE")).decode() == contents.notice
    assert list(bundle.weights()) == ["w.b", "w.a"]
    for got, want in (
        (bundle.weights(), contents.weights),
        (bundle.check_inputs(), contents.check_inputs),
        (bundle.check_outputs(), contents.check_outputs),
    ):
        assert got.keys() == want.keys()
        for name, array in want.items():
            np.testing.assert_array_equal(got[name], array, strict=True)


def test_fixed_inputs_come_back(tmp_path: Path) -> None:
    fixed = (
        FixedInput("sr", (), "int64", (2**63 - 1,), "0" * 64),
        FixedInput("gain:0", (2, 2), "float32", (0.5, 1.0, -0.0, 1e-30), "1" * 64),
        FixedInput("on", (1,), "bool", (True,), "2" * 64),
        FixedInput("table", (65,), "bfloat16", None, "3" * 64),
    )
    path = tmp_path / "net.tvmedge"
    write_bundle(path, replace(sample(), fixed_inputs=fixed))
    read = read_bundle(path).manifest.fixed_inputs
    assert read == fixed
    assert [type(entry.value[0]) for entry in read if entry.value] == [int, float, bool]


def types(dtype: str, vector: np.ndarray) -> BundleContents:
    """Contents whose only input is ``dtype`` by its signature."""
    contents = sample()
    return replace(
        contents,
        signature=replace(contents.signature, inputs=(TensorSpec("x", vector.shape, dtype),)),
        check_inputs={"x": vector},
    )


@pytest.mark.parametrize("dtype", sorted(NAMES))
def test_every_type_comes_back(dtype: str, tmp_path: Path) -> None:
    for shape in ((2, 3), (0, 3), ()):
        want = np.ones(shape, carrier(dtype))
        write_bundle(tmp_path / "net.tvmedge", types(dtype, want))
        bundle = read_bundle(tmp_path / "net.tvmedge")
        got = bundle.check_inputs()["x"]
        assert bundle.manifest.signature.inputs[0].dtype == dtype
        assert (got.dtype, got.tobytes()) == (want.dtype, want.tobytes())


def test_types_that_a_bundle_lacks_are_refused(tmp_path: Path) -> None:
    for dtype, vector in (("float8_e5m2", np.ones(2)), ("int4", np.ones(2, np.uint8))):
        with pytest.raises(MalformedError, match=dtype):
            write_bundle(tmp_path / "net.tvmedge", types(dtype, vector))


def test_same_contents_give_the_same_bytes(tmp_path: Path) -> None:
    contents = sample()
    write_bundle(tmp_path / "one.tvmedge", contents)
    shuffled = replace(
        contents,
        weights=dict(reversed(list(contents.weights.items()))),
        versions=dict(reversed(list(contents.versions.items()))),
        check_inputs={name: array.copy(order="F") for name, array in contents.check_inputs.items()},
    )
    write_bundle(tmp_path / "other name", shuffled)
    assert (tmp_path / "one.tvmedge").read_bytes() == (tmp_path / "other name").read_bytes()


def test_any_zip_and_safetensors_reader_opens_it(tmp_path: Path) -> None:
    contents = sample()
    path = tmp_path / "net.tvmedge"
    write_bundle(path, contents)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "manifest.json"
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        weights = safetensors.numpy.load(archive.read("weights.safetensors"))
    np.testing.assert_array_equal(weights["w.a"], contents.weights["w.a"])


def test_weights_are_mapped_on_64_byte_boundaries(tmp_path: Path) -> None:
    write_bundle(tmp_path / "net.tvmedge", sample())
    bundle = read_bundle(tmp_path / "net.tvmedge")
    weight = bundle.weights()["w.a"]
    assert weight.ctypes.data % 64 == 0
    assert not weight.flags.owndata
    assert not weight.flags.writeable


def test_a_model_without_weights_or_inputs(tmp_path: Path) -> None:
    contents = sample()
    bare = replace(
        contents,
        code=replace(contents.code, weights=()),
        signature=replace(contents.signature, inputs=()),
        weights={},
        check_inputs={},
        notice="",
    )
    write_bundle(tmp_path / "bare.tvmedge", bare)
    bundle = read_bundle(tmp_path / "bare.tvmedge")
    assert bundle.weights() == bundle.check_inputs() == {}


def test_views_outlive_the_bundle_and_its_file(tmp_path: Path) -> None:
    path = tmp_path / "net.tvmedge"
    write_bundle(path, sample())
    weights = read_bundle(path).weights()
    path.unlink()
    assert weights["w.a"].sum() == np.arange(64).sum()


@pytest.mark.parametrize("module", ["tvmedge.bundle", "tvmedge.bundle.read"])
def test_importing_pulls_in_neither_the_compiler_nor_a_parser(module: str) -> None:
    heavy = "{'tvm', 'tvm_ffi', 'onnx', 'msgspec', 'safetensors'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
