"""Images become inputs: geometry, channel order, normalisation, damage."""

from __future__ import annotations

import io
import re
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tvmedge.dtypes import carrier
from tvmedge.errors import InputError
from tvmedge.tensors import Channels, ImageOptions, Layout, Resize, read_inputs
from tvmedge.types import Signature, TensorSpec

RED_LEFT = np.zeros((2, 4, 3), np.uint8)
RED_LEFT[:, :2, 0] = 255
RED_LEFT[:, :, 2] = 51


def load(
    path: Path,
    shape: tuple[int, ...],
    dtype: str = "float32",
    options: ImageOptions = ImageOptions(),  # noqa: B008  frozen
) -> np.ndarray:
    signature = Signature((TensorSpec("x", shape, dtype),), ())
    array = read_inputs(signature, [str(path)], options, 0)["x"]
    assert array.shape == shape
    assert array.dtype == carrier(dtype)
    assert array.flags.c_contiguous
    return array


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(RED_LEFT).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def test_layout_follows_the_shape(picture: Path) -> None:
    want = RED_LEFT.astype(np.float32) / 255
    np.testing.assert_allclose(load(picture, (1, 2, 4, 3))[0], want, rtol=1e-6)
    np.testing.assert_allclose(load(picture, (1, 3, 2, 4))[0], want.transpose(2, 0, 1), rtol=1e-6)
    # Both could be channels: NCHW unless told otherwise.
    assert load(picture, (1, 3, 5, 3))[0, 2].min() == pytest.approx(0.2)
    nhwc = load(picture, (1, 3, 5, 3), options=ImageOptions(layout=Layout.NHWC))
    assert nhwc[0, :, :, 2].max() == pytest.approx(0.2)


def test_half_precision(picture: Path) -> None:
    want = load(picture, (1, 3, 2, 4))
    for dtype in ("float16", "bfloat16"):
        got = load(picture, (1, 3, 2, 4), dtype)
        np.testing.assert_array_equal(got, want.astype(carrier(dtype)))


def test_channels(picture: Path) -> None:
    bgr = load(picture, (1, 3, 2, 4), "uint8", ImageOptions(channels=Channels.BGR))
    np.testing.assert_array_equal(bgr[0], RED_LEFT[:, :, ::-1].transpose(2, 0, 1))
    bgra = load(picture, (1, 4, 2, 4), "uint8", ImageOptions(channels=Channels.BGR))
    np.testing.assert_array_equal(bgra[0, :3], bgr[0])
    assert bgra[0, 3].min() == 255
    luminance = np.asarray(Image.fromarray(RED_LEFT).convert("L"))
    gray = load(picture, (1, 3, 2, 4), "uint8", ImageOptions(channels=Channels.GRAY))
    assert all((gray[0, i] == luminance).all() for i in range(3))
    np.testing.assert_array_equal(load(picture, (1, 1, 2, 4), "uint8")[0, 0], luminance)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_normalising(picture: Path, dtype: str) -> None:
    options = ImageOptions(mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))
    got = load(picture, (1, 3, 2, 4), dtype, options)[0]
    assert got[:, 0, 0].tolist() == pytest.approx([1.0, -0.25, 0.1], rel=1e-3)
    got = load(picture, (1, 3, 2, 4), dtype, ImageOptions(scale=1.0, mean=(100.0,), std=(2.0,)))[0]
    assert got[:, 0, 0].tolist() == pytest.approx([77.5, -50.0, -24.5], rel=1e-3)


def test_geometry(picture: Path) -> None:
    red = {mode: load(picture, (1, 3, 4, 4), "uint8", ImageOptions(mode))[0, 0] for mode in Resize}
    assert (red[Resize.STRETCH][:, [0, 3]] == [255, 0]).all()
    assert red[Resize.PAD][[0, 3]].max() == 0
    assert (red[Resize.PAD][1] == [255, 255, 0, 0]).all()
    assert red[Resize.CROP].min() < 100 < red[Resize.CROP][0, 0]
    assert load(picture, (1, 3, 1000, 1)).size == 3000


@pytest.mark.parametrize("mode", Resize)
def test_thin_images_fit(tmp_path: Path, mode: Resize) -> None:
    Image.new("L", (3000, 1), 255).save(tmp_path / "thin.png")
    load(tmp_path / "thin.png", (1, 1, 8, 8), options=ImageOptions(mode))


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    image = Image.fromarray(np.repeat(np.repeat(RED_LEFT, 16, 0), 16, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: the left side becomes the top
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    got = load(tmp_path / "turned.jpg", (1, 3, 64, 32), "uint8")[0, 0]
    assert got[:24].min() > 200
    assert got[40:].max() < 60


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_other_colour_modes_are_converted(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("i.tiff" if mode in ("CMYK", "YCbCr") else "i.png")
    Image.new("RGB", (4, 4), (255, 255, 255)).convert(mode).save(path)
    assert load(path, (1, 3, 4, 4), "uint8").min() > 250


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    return Image.fromarray(values)


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    noise(width, height).save(file, "PNG")
    return file.getvalue()


def jpeg() -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    noise(16, 16).save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    for side in (10_000, 60_000):  # where Pillow warns, and where it refuses
        content = bytearray(png(8, 8))
        content[16:24] = side.to_bytes(4, "big") * 2
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
        path.write_bytes(content)
        with pytest.raises(InputError, match="more pixels than are safe to unpack"):
            load(path, (1, 1, 8, 8))


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    whole = png(64, 64)
    deep = io.BytesIO()
    Image.new("I;16", (4, 4)).save(deep, "PNG")
    for content, problem in (
        (whole[: len(whole) // 2], "truncated"),
        (b"", "is not a .npy, .npz or image file"),
        (b"text", "is not a .npy, .npz or image file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a .npy, .npz or image"),
        (deep.getvalue(), "more than 8 bits a channel"),
    ):
        (tmp_path / "x.png").write_bytes(content)
        with pytest.raises(InputError, match=problem):
            load(tmp_path / "x.png", (1, 1, 8, 8))


@given(st.data())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_damage_is_never_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([png(16, 16), jpeg()])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "x").write_bytes(content)
    try:
        load(tmp_path / "x", (1, 1, 8, 8))
    except InputError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "problem"),
    [
        ((3, 8, 8), "float32", ImageOptions(), "3x8x8 float32, which the image .* four dimensions"),
        ((1, 8, 8, 8), "float32", ImageOptions(), "one of them 1, 3 or 4 channels"),
        ((1, 8, 8, 3), "float32", ImageOptions(layout=Layout.NCHW), "one of them 1, 3 or 4"),
        ((2, 3, 8, 8), "float32", ImageOptions(), "does not fill a batch of 2"),
        ((1, 3, 0, 8), "float32", ImageOptions(), "it is empty"),
        ((1, 3, 8, 8), "int64", ImageOptions(), "floating-point numbers or uint8"),
        ((1, 4, 8, 8), "uint8", ImageOptions(channels=Channels.GRAY), "not --channels gray"),
        ((1, 3, 8, 8), "uint8", ImageOptions(mean=(1.0,)), "uint8 pixels as they are"),
        ((1, 1, 8, 8), "float32", ImageOptions(mean=(1.0,) * 3), "mean has 3 values, but"),
        ((1, 3, 8, 8), "float32", ImageOptions(std=()), "std has 0 values"),
    ],
)
def test_inputs_that_take_no_such_image(
    picture: Path, shape: tuple[int, ...], dtype: str, options: ImageOptions, problem: str
) -> None:
    with pytest.raises(InputError) as info:
        load(picture, shape, dtype, options)
    assert re.search(problem, str(info.value))


def test_options_are_checked() -> None:
    for wrong in ({"std": (1.0, 0.0)}, {"mean": (float("nan"),)}, {"scale": float("inf")}):
        with pytest.raises(InputError):
            ImageOptions(**wrong)


def test_no_warning_escapes(tmp_path: Path) -> None:
    content = jpeg().replace(b"Exif\0\0", b"Exif\0\0!", 1)
    (tmp_path / "x.jpg").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path / "x.jpg", (1, 1, 8, 8))
