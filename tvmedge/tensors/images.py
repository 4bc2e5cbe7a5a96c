"""An image file as a model's input."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tvmedge.dtypes import carrier, is_float
from tvmedge.errors import InputError
from tvmedge.shapes import is_static, resolve
from tvmedge.tensors.npy import describe
from tvmedge.tensors.options import Channels, ImageOptions, Layout, Resize
from tvmedge.types import TensorSpec

if TYPE_CHECKING:
    from PIL import Image

# Without EPS and the like: Pillow hands those to other programs.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def read_image(path: Path, spec: TensorSpec, options: ImageOptions) -> np.ndarray:
    """The image at ``path`` in the shape and dtype of ``spec``, ready for the model.

    Turned upright by its EXIF orientation; of an animation the first frame.

    Raises:
        InputError: the input takes no image, the file is none or is damaged, or
            it has more pixels than Pillow's limit (about 89 million).
    """
    # One image is a batch of one.
    batch = tuple(1 if isinstance(dim, str) else dim for dim in spec.shape[:1])
    spec = TensorSpec(spec.name, batch + spec.shape[1:], spec.dtype)
    layout = _layout(path, spec, options.layout)
    channels_at = 1 if layout is Layout.NCHW else 3
    shape = resolve(spec.shape, {})
    channels = shape[channels_at]
    height, width = (shape[i] for i in range(1, 4) if i != channels_at)
    gray = channels == 1 or options.channels is Channels.GRAY
    if gray and channels == 4:
        raise InputError(f"The input {spec.name!r} takes colour and alpha, not --channels gray.")
    image = _load(path, "L" if gray else _MODES[channels], (width, height), options.resize)
    pixels = np.asarray(image).reshape(height, width, -1)
    if gray:
        pixels = np.repeat(pixels, channels, axis=2)
    elif options.channels is Channels.BGR:
        pixels = pixels[:, :, [2, 1, 0, 3][:channels]]
    values = _normalise(pixels, spec, options)
    if layout is Layout.NCHW:
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None])


def _layout(path: Path, spec: TensorSpec, layout: Layout) -> Layout:
    """Where the channels are, or an error when the input takes no image."""
    shape = spec.shape
    problem = ""
    if layout is Layout.AUTO:
        if len(shape) == 4 and shape[1] not in _MODES and shape[3] in _MODES:
            layout = Layout.NHWC
        else:
            layout = Layout.NCHW
    if len(shape) != 4 or shape[1 if layout is Layout.NCHW else 3] not in _MODES:
        problem = "an image needs four dimensions, one of them 1, 3 or 4 channels"
    elif shape[0] != 1:
        problem = f"one image does not fill a batch of {shape[0]}"
    elif not is_static(shape):
        problem = "its height or width is open"
    elif 0 in shape:
        problem = "it is empty"
    elif not is_float(spec.dtype) and spec.dtype != "uint8":
        problem = "an image becomes floating-point numbers or uint8"
    if problem:
        raise InputError(
            f"The input {spec.name!r} takes {describe(shape, spec.dtype)}, which the image "
            f"'{path}' cannot be: {problem}; give a .npy file."
        )
    return layout


def _load(path: Path, mode: str, size: tuple[int, int], resize: Resize) -> Image.Image:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata, which does not matter here
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as file:
                if file.mode in _DEEP_MODES:
                    raise InputError(
                        f"'{path}' has more than 8 bits a channel, which cannot be scaled without "
                        "knowing its range: convert it to 8 bits or give a .npy file."
                    )
                image = ImageOps.exif_transpose(file).convert(mode)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"'{path}' has more pixels than are safe to unpack (about 89 million): scale it down."
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"'{path}' is not a .npy, .npz or image file ({', '.join(_FORMATS)})."
        ) from error
    except OSError as error:
        raise InputError(
            f"Cannot read the image '{path}' ({error.strerror or error}): "
            "check the path or copy it again."
        ) from error
    except (EOFError, IndexError, SyntaxError, ValueError, struct.error, zlib.error) as error:
        raise InputError(f"The image '{path}' is damaged ({error}): copy it again.") from error
    if image.size == size:
        return image
    if resize is Resize.CROP:
        return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
    if resize is Resize.PAD:
        return ImageOps.pad(image, size, Image.Resampling.BILINEAR)
    return image.resize(size, Image.Resampling.BILINEAR)


def _normalise(pixels: np.ndarray, spec: TensorSpec, options: ImageOptions) -> np.ndarray:
    """Pixels (height, width, channels; uint8) as the input's values, in its dtype."""
    if spec.dtype == "uint8":
        if options.normalises:
            raise InputError(
                f"The input {spec.name!r} takes uint8 pixels as they are: leave out "
                "mean, std and scale."
            )
        return pixels
    channels = pixels.shape[2]
    for option, values in (("mean", options.mean), ("std", options.std)):
        if len(values) not in (1, channels):
            raise InputError(
                f"The image option {option} has {len(values)} values, but the input "
                f"{spec.name!r} has {channels} channels: give one value or {channels}."
            )
    mean, std = (np.array(x, np.float64) for x in (options.mean, options.std))
    return ((pixels * options.scale - mean) / std).astype(carrier(spec.dtype))
