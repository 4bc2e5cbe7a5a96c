"""Everything in blocks is an image [N, C, H, W].

A signal [N, C, W] is an image of one row; a volume [N, C, D, H, W] is one of D * H rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tvm import relax

from tvmedge.compiler.passes.blocked.layout import Batch, Shape4, image_sizes, open_sizes, same


def as_image(sizes: Sequence[Batch], whole: Sequence[Batch]) -> Shape4 | None:
    """``sizes`` that broadcast to those of ``whole``, as an image; None where none does."""
    if len(sizes) != len(whole) or not 3 <= len(whole) <= 5:
        return None
    batch, channels, *rows, width = sizes
    if not same(tuple(rows), tuple(whole[2:-1])) and math.prod(rows) != 1:
        return None
    return batch, channels, math.prod(rows), width


def open_image(expr: relax.Expr) -> Shape4 | None:
    """``image_shape``, but height and width may be open as well."""
    shape = open_sizes(expr)
    return None if shape is None else as_image(shape, shape)


def image_shape(expr: relax.Expr) -> Shape4 | None:
    """Sizes of a float32 tensor as an image of any batch, None where it is none or
    another size is open."""
    shape = image_sizes(expr)
    return None if shape is None else as_image(shape, shape)
