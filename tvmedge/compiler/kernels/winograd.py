"""3x3 convolutions by Winograd's algorithm, over channels in blocks: [N, C / b, H, W, b].

F(m x m, 3 x 3) makes m x m outputs of an image of r x r pixels, r = m + 2, by r * r
multiplications a pair of channels instead of 9 * m * m: 2.25 times fewer for m = 2, four
times for m = 4. The price is a transform of each image of r x r and of each r x r of sums
back, and rounding: m = 4 multiplies by constants of 1/24 to 8.
Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2015).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.window import padded, sizes_of
from tvmedge.scheduling.plan import ALGORITHM, KERNEL

Array = npt.NDArray[np.float32]
Expr: TypeAlias = tvm.ir.Expr
Axis: TypeAlias = tirx.Var
Linear = Callable[..., tuple[Expr, ...]]


@dataclass(frozen=True)
class Transform:
    """F(m x m, 3 x 3): ``data`` takes r values to r, ``sums`` takes r to m, ``weights``
    is the matrix that takes three weights to r."""

    outputs: int
    data: Linear
    sums: Linear
    weights: tuple[tuple[float, float, float], ...]

    @property
    def points(self) -> int:
        """r: values in one direction of an image before and after its transform."""
        return self.outputs + 2


# Linear maps are functions, written so that LLVM finds what two rows share.
def _f2_data(x0: Expr, x1: Expr, x2: Expr, x3: Expr) -> tuple[Expr, ...]:
    return x0 - x2, x1 + x2, x2 - x1, x1 - x3


def _f2_sums(m0: Expr, m1: Expr, m2: Expr, m3: Expr) -> tuple[Expr, ...]:
    return m0 + m1 + m2, m1 - m2 - m3


def _f4_data(x0: Expr, x1: Expr, x2: Expr, x3: Expr, x4: Expr, x5: Expr) -> tuple[Expr, ...]:
    even, odd = x4 - _times(4, x2), x3 - _times(4, x1)
    even2, odd2 = x4 - x2, _times(2, x3 - x1)
    return (
        _times(4, x0) - _times(5, x2) + x4,
        even + odd,
        even - odd,
        even2 + odd2,
        even2 - odd2,
        _times(4, x1) - _times(5, x3) + x5,
    )


def _f4_sums(m0: Expr, m1: Expr, m2: Expr, m3: Expr, m4: Expr, m5: Expr) -> tuple[Expr, ...]:
    sum1, sum2, rest1, rest2 = m1 + m2, m3 + m4, m1 - m2, m3 - m4
    return (
        m0 + sum1 + sum2,
        rest1 + _times(2, rest2),
        sum1 + _times(4, sum2),
        rest1 + _times(8, rest2) + m5,
    )


def _times(factor: float, value: Expr) -> Expr:
    return tirx.const(float(factor), "float32") * value


F2 = Transform(
    2,
    _f2_data,
    _f2_sums,
    ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
)
F4 = Transform(
    4,
    _f4_data,
    _f4_sums,
    (
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
)


F_BY_OUTPUTS = {transform.outputs: transform for transform in (F2, F4)}


def transformed(weights: Array, transform: Transform, block: int, vectors: int) -> Array:
    """Weights [O, I, 3, 3] -> [O / b / v, r * r, I / b, b, v, b], computed in float64, zero
    where O and I do not fill their blocks; ``vectors`` (v) are the blocks of O whose sums
    are formed together, and must divide those of O."""
    matrix = np.asarray(transform.weights, np.float64)
    wide = matrix @ weights.astype(np.float64) @ matrix.T
    outs, ins = (-(-size // block) for size in weights.shape[:2])
    whole = np.zeros((outs * block, ins * block, transform.points**2), np.float32)
    whole[: weights.shape[0], : weights.shape[1]] = wide.reshape(*weights.shape[:2], -1)
    parted = whole.reshape(outs // vectors, vectors, block, ins, block, -1)
    return np.ascontiguousarray(parted.transpose(0, 5, 3, 4, 1, 2))


@dataclass(frozen=True)
class Way:
    """By ``transform``, in ``bands``; ``question``: what knobs were asked for it, if they were."""

    transform: Transform
    bands: int
    question: str = ""


def winograd(
    data: te.Tensor, weight: te.Tensor, way: Way, pads: tuple[int, int, int, int]
) -> te.Tensor:
    """3x3 convolution of stride 1.

    data [N, I / b, H, W, b], weight as ``transformed`` gives it -> [N, O / b, OH, OW, b];
    ``pads`` are top, left, bottom, right. Rows of m x m tiles are dealt out to ``bands`` of
    equal height, of which the last may hang over the edge.
    """
    transform, bands = way.transform, way.bands
    batch, ins, height, width, block = sizes_of(data)
    vectors = int(weight.shape[4])
    outs = int(weight.shape[0]) * vectors
    m, r = transform.outputs, transform.points
    top, left, bottom, right = pads
    rows, columns = height + top + bottom - 2, width + left + right - 2
    band, tile_columns = -(-rows // (m * bands)), -(-columns // m)
    tiles, covered = band * tile_columns, (band * bands * m, tile_columns * m)
    bottom, right = bottom + covered[0] - rows, right + covered[1] - columns
    image = padded(data, (top, left, bottom, right), 0.0)

    def down(n: Axis, c: Axis, g: Axis, y: Axis, i: Axis, x: Axis, b: Axis) -> Expr:
        top = (g * band + y) * m
        return _select(i, transform.data(*(image[n, c, top + k, x, b] for k in range(r))))

    half = _stage("down", (batch, ins, bands, band, r, tile_columns * m + 2, block), down)

    def across(n: Axis, g: Axis, p: Axis, c: Axis, t: Axis, b: Axis) -> Expr:
        y, x = t // tile_columns, t % tile_columns * m
        return _select(
            p % r, transform.data(*(half[n, c, g, y, p // r, x + k, b] for k in range(r)))
        )

    images = _stage("images", (batch, bands, r * r, ins, tiles, block), across)
    ic, ii = te.reduce_axis((0, ins), "ic"), te.reduce_axis((0, block), "ii")

    def product(n: Axis, g: Axis, o: Axis, t: Axis, p: Axis, b: Axis) -> Expr:
        factor = weight[o // vectors, p, ic, ii, o % vectors, b]
        return te.sum(images[n, g, p, ic, t, ii] * factor, axis=[ic, ii])

    products = _stage("products", (batch, bands, outs, tiles, r * r, block), product)

    def up(n: Axis, g: Axis, o: Axis, t: Axis, i: Axis, s: Axis, b: Axis) -> Expr:
        column = (products[n, g, o, t, k * r + s, b] for k in range(r))
        return _select(i, transform.sums(*column))

    rest = _stage("up", (batch, bands, outs, tiles, m, r, block), up)

    def back(n: Axis, o: Axis, h: Axis, w: Axis, b: Axis) -> Expr:
        g, t = h // (m * band), h // m % band * tile_columns + w // m
        return _select(w % m, transform.sums(*(rest[n, g, o, t, h % m, k, b] for k in range(r))))

    attrs = {KERNEL: "winograd", **({ALGORITHM: way.question} if way.question else {})}
    sums = te.compute((batch, outs, *covered, block), back, name="winograd", attrs=attrs)
    if covered == (rows, columns):
        return sums
    return te.compute(
        (batch, outs, rows, columns, block), lambda n, c, h, w, i: sums[n, c, h, w, i], name="crop"
    )


def _stage(name: str, shape: tuple[int, ...], element: Callable[..., Expr]) -> te.Tensor:
    """A step on the way, which the rule knows by its annotation."""
    return te.compute(shape, element, name=name, attrs={KERNEL: f"winograd.{name}"})


def _select(index: Expr, values: Sequence[Expr]) -> Expr:
    """``values[index]``; loops over ``index`` are written out, which leaves one of them."""
    chosen = values[-1]
    for i in reversed(range(len(values) - 1)):
        chosen = tirx.Select(index == i, values[i], chosen)
    return chosen
