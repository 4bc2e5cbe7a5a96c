"""Inputs for the models of the list: noise of the right range, and what they are made for.

Both are made from a seed, so that a result can be had again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from scripts.model_list import Content, ModelEntry, ModelInput
from tvmedge.tensors.picture import picture

_TEXT = b"The quick brown fox jumps over the lazy dog.\n"
_SAMPLE_RATE = 16_000

Shape = Sequence[int]
Draw = Callable[[Shape, np.random.Generator], NDArray[np.float64]]


def plausible(entry: ModelEntry, seed: int = 5) -> dict[str, NDArray[Any]]:
    """Inputs of the entry's shapes that look like what the model was trained on.

    Wake words answer to the seed chosen, neither 0 nor 1: where a sigmoid comes near
    0, onnxruntime's own is off by 1e-4 of it.
    """
    generator = np.random.default_rng(seed)
    return {
        name: np.zeros(spec.shape, dtype=spec.dtype)
        if spec.content == "zeros"
        else _typed(spec, _CONTENTS[spec.content](spec.shape, generator))
        for name, spec in _open(entry)
    }


def noise(entry: ModelEntry, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Inputs of the entry's shapes, drawn evenly from their ranges."""
    generator = np.random.default_rng(seed)
    return {name: _typed(spec, _noise(spec.shape, generator)) for name, spec in _open(entry)}


def _open(entry: ModelEntry) -> list[tuple[str, ModelInput]]:
    """The inputs that are not fixed to a value when compiling."""
    return [(name, spec) for name, spec in entry.inputs.items() if spec.value is None]


def _typed(spec: ModelInput, unit: NDArray[np.float64]) -> NDArray[Any]:
    """Values of 0 to 1 over the range of ``spec``; whole numbers, each as likely as the next."""
    low, high = spec.range
    if spec.dtype == "float32" and spec.content != "windows":
        return np.asarray(low + (high - low) * unit, dtype=np.float32)
    steps = np.minimum(np.floor(unit * (high - low + 1)), high - low)
    return np.asarray(low + steps, dtype=spec.dtype)


def _noise(shape: Shape, generator: np.random.Generator) -> NDArray[np.float64]:
    return generator.random(shape)


def _text(shape: Shape, _: np.random.Generator) -> NDArray[np.float64]:
    """Dark text on light ground, as large as one line of it fits."""
    height, width = shape[-2:]
    picture = Image.new("L", (width, height), 240)
    font = ImageFont.load_default(min(height * 2 // 3, width // 8))
    ImageDraw.Draw(picture).text((width // 16, height // 8), "Hello 4711", fill=15, font=font)
    return _whole(np.asarray(picture) / 255, shape)


def _speech(shape: Shape, generator: np.random.Generator) -> NDArray[np.float64]:
    """A gliding voice, four syllables a second, its overtones falling off, little noise."""
    time = np.arange(np.prod(shape)) / _SAMPLE_RATE
    pitch = 2 * np.pi * (140 * time + 4 * np.sin(2 * np.pi * 1.3 * time))
    voice = sum(np.sin(k * pitch) / k for k in range(1, 16))
    loudness = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)
    wave = 0.2 * loudness * voice + generator.normal(0, 0.002, time.shape)
    return _whole(np.clip(0.5 + wave / 2, 0, 1).reshape(shape), shape)


def _features(shape: Shape, generator: np.random.Generator) -> NDArray[np.float64]:
    """Channels that wander around the middle from frame to frame."""
    frames = generator.normal(0, 1, shape)
    for earlier, frame in itertools.pairwise(np.moveaxis(frames, 1, 0)):
        frame[...] = 0.8 * earlier + 0.6 * frame
    return _whole(np.clip(0.5 + frames / 6, 0, 1), shape)


def _tokens(shape: Shape, generator: np.random.Generator) -> NDArray[np.float64]:
    """Few common ones and many rare ones, as in a text."""
    return generator.random(shape) ** 3


def _windows(shape: Shape, generator: np.random.Generator) -> NDArray[np.float64]:
    rows, width = shape
    text = _tokens([rows + width - 1], generator)
    return _whole(np.lib.stride_tricks.sliding_window_view(text, width), shape)


def _bytes(shape: Shape, _: np.random.Generator) -> NDArray[np.float64]:
    """The bytes of a text, padded with the highest value, over 257 values."""
    count = int(np.prod(shape))
    text = np.frombuffer(_TEXT * (count // len(_TEXT)), np.uint8)
    padded = np.full(count, 256)
    padded[: text.size * 3 // 4] = text[: text.size * 3 // 4]
    return (padded.reshape(shape) + 0.5) / 257


def _mask(shape: Shape, _: np.random.Generator) -> NDArray[np.float64]:
    """Three quarters are valid."""
    used = np.arange(shape[-1]) < shape[-1] * 3 // 4
    return _whole(used, shape)


def _padding(shape: Shape, generator: np.random.Generator) -> NDArray[np.float64]:
    return 1 - _mask(shape, generator)


def _whole(values: NDArray[Any], shape: Shape) -> NDArray[np.float64]:
    """``values`` as many times as ``shape`` holds them."""
    return np.array(np.broadcast_to(values, shape), dtype=np.float64)


_CONTENTS: Mapping[Content, Draw] = {
    "noise": _noise,
    "picture": picture,
    "text": _text,
    "speech": _speech,
    "features": _features,
    "tokens": _tokens,
    "windows": _windows,
    "bytes": _bytes,
    "mask": _mask,
    "padding": _padding,
}
