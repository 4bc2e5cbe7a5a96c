"""How an image file becomes a model's input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from tvmedge.errors import InputError


class Resize(str, Enum):
    """How an image of another size is fitted; always bilinear with antialiasing."""

    STRETCH = "stretch"
    """Both sides to the model's, whatever the proportions."""
    CROP = "crop"
    """Keep the proportions, fill the model's size, cut what sticks out evenly."""
    PAD = "pad"
    """Keep the proportions, show all of it, centred on black (letterbox)."""


class Channels(str, Enum):
    """The order of the model's channels. An input with one channel takes grey
    whatever this says; one with four takes alpha as the last."""

    RGB = "rgb"
    BGR = "bgr"
    GRAY = "gray"
    """Luminance, repeated when the input has three channels."""


class Layout(str, Enum):
    """Where the model's four dimensions have the channels."""

    AUTO = "auto"
    """NCHW where dimension 1 is 1, 3 or 4, else NHWC where dimension 3 is."""
    NCHW = "nchw"
    NHWC = "nhwc"


PIXEL_SCALE = 1 / 255


@dataclass(frozen=True)
class ImageOptions:
    """Floating-point inputs get ``(pixel * scale - mean) / std``, pixels being 0 to 255.

    ``mean`` and ``std`` have one value, or one a channel in the model's order.
    uint8 inputs get the pixels as they are, so the three must be left alone.

    Raises:
        InputError: a value that is not finite, or a ``std`` of 0.
    """

    resize: Resize = Resize.STRETCH
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = PIXEL_SCALE
    channels: Channels = Channels.RGB
    layout: Layout = Layout.AUTO

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.mean, *self.std, self.scale))):
            raise InputError("The image options mean, std and scale must be finite numbers.")
        if 0 in self.std:
            raise InputError("The image option std must not be 0: pixels are divided by it.")

    @property
    def normalises(self) -> bool:
        """Whether scale, mean or std were set to something of their own."""
        return (self.scale, set(self.mean), set(self.std)) != (PIXEL_SCALE, {0.0}, {1.0})
