"""Attributes of Relax operators that move a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvmedge.compiler.kernels.volume import VolumeWindow
from tvmedge.compiler.kernels.window import Window


def window_of(kernel: Sequence[int], attrs: Any) -> Window:
    """The window of an operator over images, or over signals as images of one row.

    ``kernel`` is what it covers in elements, ``attrs`` are the operator's.
    """
    before, after = _sides(attrs.padding, len(kernel))
    (kh, kw), (sh, sw), (dh, dw) = (
        _two(values, 1) for values in (kernel, attrs.strides, attrs.dilation)
    )
    (top, left), (bottom, right) = _two(before, 0), _two(after, 0)
    return Window((kh, kw), (sh, sw), (top, left, bottom, right), (dh, dw))


def volume_window(sizes: Sequence[int], kernel: Sequence[int], attrs: Any) -> VolumeWindow:
    """The same of an operator over volumes of ``sizes``."""
    before, after = _sides(attrs.padding, 3)
    values = (sizes, kernel, attrs.strides, before, after, attrs.dilation)
    return VolumeWindow(*(_three(value) for value in values))


def _sides(padding: Sequence[int], count: int) -> tuple[Sequence[int], Sequence[int]]:
    """Padding before and behind each of ``count`` axes, of one value, one an axis, or all."""
    pads = [int(pad) for pad in padding]
    pads *= 2 * count // len(pads)
    return pads[:count], pads[count:]


def _two(values: Sequence[int], of_one_row: int) -> tuple[int, int]:
    first, second = [of_one_row, *map(int, values)][-2:]
    return first, second


def _three(values: Sequence[int]) -> tuple[int, int, int]:
    first, second, third = map(int, values)
    return first, second, third
