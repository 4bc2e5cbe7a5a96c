"""Every way to say ``--input``, and a sentence for every way to say it wrong."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tvmedge.dtypes import carrier
from tvmedge.errors import ExitCode, InputError
from tvmedge.tensors import ImageOptions, random_tensor, read_inputs
from tvmedge.tensors.picture import picture_tensor
from tvmedge.types import Signature, TensorSpec

ONE = Signature((TensorSpec("image", (1, 2, 3), "float32"),), ())
TWO = Signature((TensorSpec("in/a", (2,), "float32"), TensorSpec("b=c", (), "int64")), ())
A, B = np.array([1, 2], np.float32), np.array(3, np.int64)
RIGHT = np.arange(6, dtype=np.float32).reshape(1, 2, 3)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(signature: Signature, *specs: str, seed: int = 0) -> dict[str, np.ndarray]:
    return read_inputs(signature, specs, ImageOptions(), seed)


def refusal(signature: Signature, *specs: str) -> str:
    with pytest.raises(InputError) as info:
        read(signature, *specs)
    assert info.value.exit_code == ExitCode.USAGE
    assert "\n" not in str(info.value)
    return str(info.value)


def same(got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> None:
    assert list(got) == list(want)
    for name, array in want.items():
        np.testing.assert_array_equal(got[name], array, strict=True)
        assert got[name].flags.c_contiguous


def test_files_by_name_or_alone() -> None:
    np.save("x.npy", RIGHT)
    np.savez("anyhow.npz", RIGHT)
    np.savez_compressed("named.npz", image=RIGHT)
    np.save("odd=name.npy", RIGHT)
    for spec in (
        "x.npy",
        "image=x.npy",
        "image=anyhow.npz",
        "anyhow.npz",
        "named.npz",
        "image=named.npz",
        "odd=name.npy",
        "image=odd=name.npy",
    ):
        same(read(ONE, spec), {"image": RIGHT})


def test_an_npz_gives_several_inputs_by_original_name() -> None:
    arrays: dict[str, Any] = {"b=c": B, "in/a": A}
    np.savez("both.npz", **arrays)
    same(read(TWO, "both.npz"), {"in/a": A, "b=c": B})
    same(read(TWO, "in/a=both.npz", "random"), {"in/a": A, "b=c": read(TWO, "random")["b=c"]})


def test_other_memory_orders_of_the_same_values_are_taken() -> None:
    for array in (np.asfortranarray(RIGHT), RIGHT.astype(">f4")):
        np.save("x.npy", array)
        same(read(ONE, "x.npy"), {"image": RIGHT})


def test_random_fills_the_rest_by_seed() -> None:
    np.save("a.npy", A)
    first, again = read(TWO, "random", seed=7), read(TWO, "random", seed=7)
    same(first, again)
    assert not np.array_equal(first["in/a"], read(TWO, "random", seed=8)["in/a"])
    same(read(TWO, "random", "in/a=a.npy", seed=7), {"in/a": A, "b=c": first["b=c"]})
    same(read(ONE, "image=random", seed=7), read(ONE, "random", seed=7))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_random_floats_are_in_the_unit_interval(dtype: str) -> None:
    values = random_tensor(TensorSpec("x", (9999,), dtype), 1)
    assert values.dtype == carrier(dtype)
    assert 0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "bool"])
def test_random_integers_are_small(dtype: str) -> None:
    values = random_tensor(TensorSpec("x", (999,), dtype), 1)
    assert values.dtype == dtype
    assert set(values.tolist()) == set(range(2 if dtype == "bool" else 10))


def test_random_integers_stay_below_a_limit() -> None:
    assert set(random_tensor(TensorSpec("x", (999,), "int64"), 1, 2).tolist()) == {0, 1}
    assert set(random_tensor(TensorSpec("x", (999,), "int2"), 1, 7).tolist()) == {0, 1}


@pytest.mark.parametrize("shape", [(1, 3, 32, 16), (2, 32, 16, 4), (1, 1, 16, 16)])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_pictures_are_for_images(shape: tuple[int, ...], dtype: str) -> None:
    spec = TensorSpec("x", shape, dtype)
    drawn, again = picture_tensor(spec, 1), picture_tensor(spec, 1)
    assert drawn is not None and again is not None
    assert (drawn.shape, drawn.dtype) == (shape, dtype)
    np.testing.assert_array_equal(drawn, again)
    assert 0 <= drawn.min() < 0.15 and 0.85 < drawn.max() <= 1


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 3, 15, 16), "float32"),
        ((1, 2, 16, 16), "float32"),
        ((3, 16, 16), "float32"),
        ((1, 1, 1, 3), "float32"),
        ((1, 3, 16, 16), "uint8"),
    ],
)
def test_nothing_else_becomes_a_picture(shape: tuple[int, ...], dtype: str) -> None:
    assert picture_tensor(TensorSpec("x", shape, dtype), 1) is None


@pytest.mark.parametrize(
    ("dtype", "count"), [("int2", 2), ("uint2", 4), ("int4", 8), ("uint4", 10)]
)
def test_random_narrow_integers_are_in_range(dtype: str, count: int) -> None:
    values = random_tensor(TensorSpec("x", (999,), dtype), 1)
    assert values.dtype == carrier(dtype)
    assert set(values.tolist()) == set(range(count))


BF16 = Signature((TensorSpec("x", (3,), "bfloat16"),), ())
ROUND = np.array([1.5, np.nan, -np.inf], np.float32)


def test_bfloat16_is_read_as_numpy_writes_it_and_as_float32() -> None:
    want = ROUND.astype(carrier("bfloat16"))
    for array in (want, ROUND, ROUND.astype(">f4")):
        np.save("x.npy", array)
        got = read(BF16, "x.npy")["x"]
        assert (got.dtype, got.tobytes()) == (want.dtype, want.tobytes())


def test_a_number_that_bfloat16_lacks_is_not_rounded() -> None:
    for number in (0.1, 3.4e38):
        np.save("x.npy", np.array([1, number, 2], np.float32))
        assert "numbers between those of bfloat16: round them" in refusal(BF16, "x.npy")
    for kind in ("float64", "float16", "uint16", "V3"):
        np.save("x.npy", np.zeros(3, kind))
        assert "convert it with .astype(ml_dtypes.bfloat16)" in refusal(BF16, "x.npy")
    np.save("x.npy", np.zeros((1, 2, 3), "V2"))
    assert "holds 1x2x3 void16: convert it with .astype('float32')" in refusal(ONE, "x.npy")


def test_narrow_integers_are_carried_and_bounded() -> None:
    signature = Signature((TensorSpec("x", (2,), "int4"),), ())
    good = np.array([-8, 7], np.int8)
    np.save("x.npy", good)
    same(read(signature, "x.npy"), {"x": good})
    np.save("x.npy", np.array([8, 0], np.int8))
    assert refusal(signature, "x.npy") == (
        "The input 'x' takes 2 int4, but 'x.npy' holds 8: give values from -8 to 7."
    )
    np.save("x.npy", np.array([1, 2], np.int64))
    assert "takes 2 int4, but 'x.npy' holds 2 int64: convert it with .astype('int8')" in refusal(
        signature, "x.npy"
    )


def test_a_model_without_inputs() -> None:
    assert read(Signature((), ())) == read(Signature((), ()), "random") == {}


def test_wrong_requests() -> None:
    np.save("a.npy", A)
    named: dict[str, Any] = {"in/a": A}
    np.savez("a.npz", **named)
    np.savez("two.npz", x=A, y=A)
    np.savez("none.npz")
    Path("folder.npy").mkdir()
    np.savez("strange.npz", image2=RIGHT)
    for signature, specs, sentence in (
        (TWO, ["in/a=a.npy"], r"Missing input 'b=c' \(scalar int64\): give --input NAME=FILE"),
        (TWO, [], r"Missing input 'in/a' \(2 float32\), 'b=c' \(scalar int64\)"),
        (TWO, ["in/b=a.npy"], r"no input 'in/b' \(nearest: in/a\)"),
        (TWO, ["a.npy"], r"Say which input 'a.npy' is for, .*: the model has 'in/a', 'b=c'"),
        (TWO, ["in/a=a.npy", "in/a=a.npz"], "'in/a' is given twice"),
        (TWO, ["in/a=two.npz"], r"'two.npz' has no array 'in/a' \(valid: x, y\)"),
        (TWO, ["two.npz"], r"'two.npz' holds an array for no input 'x'"),
        (TWO, ["none.npz"], "'none.npz' holds no array"),
        (TWO, ["in/a="], "'in/a=' names no file"),
        (TWO, [""], "names no file"),
        (TWO, ["x" * 5000 + "="], "The model has no input"),
        (ONE, ["image=gone.npy"], "There is no input file 'gone.npy'"),
        (ONE, ["gone.npz"], "There is no input file 'gone.npz'"),
        (ONE, ["gone"], "There is no input file 'gone'"),
        (ONE, ["image=folder.npy"], "Cannot read the input file 'folder.npy': Is a directory"),
        (ONE, ["strange.npz"], r"for no input 'image2' \(nearest: image\)"),
        (Signature((), ()), ["a.npy"], "the model has none"),
    ):
        assert re.search(sentence, refusal(signature, *specs)), sentence


@pytest.mark.parametrize(
    ("array", "advice"),
    [
        (RIGHT.astype(np.float64), "1x2x3 float64: convert it with .astype('float32')."),
        (RIGHT.astype(np.int64), "1x2x3 int64: convert it with .astype('float32')."),
        (RIGHT[0], "2x3 float32: add the batch dimension with array[None]."),
        (RIGHT[0, 0], "3 float32: give it that shape."),
        (np.float64(1), "scalar float64: give it that shape and convert it with .astype"),
        (np.zeros((1, 2, 3), "U2"), "1x2x3 str64: convert it"),
    ],
)
def test_nothing_is_cast(array: np.ndarray, advice: str) -> None:
    np.save("x.npy", array)
    np.savez("x.npz", array)
    wanted = f"The input 'image' takes 1x2x3 float32, but 'x.npy' holds {advice}"
    assert refusal(ONE, "x.npy").startswith(wanted)
    assert "but 'arr_0' in 'x.npz' holds" in refusal(ONE, "x.npz")


def test_pickles_are_refused_unread() -> None:
    np.save("x.npy", np.array([[[open] * 3] * 2]), allow_pickle=True)
    assert "holds 1x2x3 object" in refusal(ONE, "x.npy")


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


GOOD = npy(RIGHT)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not a readable .npy file"),
        (GOOD[:-1], r"cut short: 23 of 24 bytes"),
        (GOOD + b"\0", "more than its header says"),
        (b"\x93NUMPY\3\0" + GOOD[8:], "format version 3.0 holds no plain arrays"),
        (b"\x93NUMPY\1\0" + b"\x20\0" + b"(" * 32, "not a readable"),
        (b"\x93NUMPY\2\0" + b"\xff\xff\xff\x7f" + b"(" * 32, "longer than that of any plain"),
        (GOOD.replace(b"(1, 2, 3)", b"(1,2,9e9)"), "not a readable"),
        (GOOD.replace(b"(1, 2, 3)", b"(1, 2,-3)"), "holds 1x2x-3 float32"),
    ],
)
def test_damaged_npy_files(content: bytes, problem: str) -> None:
    Path("x.npy").write_bytes(content)
    assert re.search(problem, refusal(ONE, "x.npy"))
    with zipfile.ZipFile("x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", content)
    assert re.search(problem.replace(".npy", ".npz"), refusal(ONE, "x.npz"))


def test_a_bomb_costs_no_memory() -> None:
    header = GOOD[:-24]
    long_header = b"\x93NUMPY\2\0" + (1 << 28).to_bytes(4, "little")
    for start in (header, header.replace(b"(1, 2, 3)", b"(1,2,3 )"), long_header):
        with (
            zipfile.ZipFile("x.npz", "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("image.npy", "w") as file,
        ):
            file.write(start)
            for _ in range(64):
                file.write(bytes(1 << 20))
        tracemalloc.start()
        assert "header" in refusal(ONE, "x.npz")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        tracemalloc.stop()


def crowded(archive: zipfile.ZipFile) -> None:
    for i in range(5000):
        archive.writestr(f"{i}.npy", b"")


def twice(archive: zipfile.ZipFile) -> None:
    archive.writestr("image.npy", GOOD)
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("image.npy", GOOD)


def foreign(archive: zipfile.ZipFile) -> None:
    archive.writestr("../../etc/passwd", b"")


@pytest.mark.parametrize("fill", [crowded, twice, foreign])
def test_zips_that_numpy_does_not_write(fill: Callable[[zipfile.ZipFile], None]) -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        fill(archive)
    assert "'x.npz' is not a readable .npz file" in refusal(ONE, "x.npz")


@given(st.data())
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_damage_is_never_a_traceback(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["npy", "npz"]))
    if kind == "npy":
        content = bytearray(GOOD)
    else:
        file = io.BytesIO()
        np.savez_compressed(file, image=RIGHT)
        content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    Path(f"x.{kind}").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        inputs = read(ONE, f"image=x.{kind}")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert inputs["image"].shape == (1, 2, 3)


@pytest.mark.parametrize("module", ["tvmedge.tensors", "tvmedge.tensors.options"])
def test_importing_the_options_loads_nothing_heavy(module: str) -> None:
    heavy = "{'tvm', 'tvm_ffi', 'onnx', 'numpy', 'PIL'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
