"""Attributes of Relax operators that move a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvmedge.compiler.kernels.window import Window


def window_of(kernel: Sequence[int], attrs: Any) -> Window:
    """The window of an operator over images, or over signals as images of one row.

    ``kernel`` is what it covers in elements; ``attrs`` are the operator's, with paddings
    of one value, one for each axis, or one for each of their sides.
    """
    count = len(kernel)
    pads = [int(pad) for pad in attrs.padding]
    sides = pads if len(pads) == 2 * count else pads * 2 if len(pads) == count else pads * 2 * count
    (kh, kw), (sh, sw), (dh, dw) = (
        _two(values, 1) for values in (kernel, attrs.strides, attrs.dilation)
    )
    top, left = _two(sides[:count], 0)
    bottom, right = _two(sides[count:], 0)
    return Window((kh, kw), (sh, sw), (top, left, bottom, right), (dh, dw))


def _two(values: Sequence[int], of_one_row: int) -> tuple[int, int]:
    first, second = [of_one_row, *map(int, values)][-2:]
    return first, second
