"""Reading images between their pixels, for converters that emit TIR."""

from __future__ import annotations

from collections.abc import Callable

from tvm import te, tirx

Pixel = Callable[[tirx.Expr, tirx.Expr], tirx.Expr]


def corners(
    pixel: Pixel,
    size: tuple[tirx.Expr, tirx.Expr],
    y: tirx.Expr,
    x: tirx.Expr,
    dtype: str,
    *,
    outside: bool,
) -> list[tirx.Expr]:
    """The four pixels around (y, x), each times its bilinear weight, in ``dtype``.

    With ``outside`` pixels there are zeros; else the caller keeps (y, x) within the image. The
    places read are always inside: infinities and NaN may come in.
    """
    last = [(extent - 1).astype(dtype) for extent in size]
    zero, one = tirx.const(0, dtype), tirx.const(1, dtype)
    top, left = tirx.floor(y), tirx.floor(x)
    down, right = y - top, x - left
    values = []
    for row, by_row in ((top, one - down), (top + one, down)):
        for column, by_column in ((left, one - right), (left + one, right)):
            places = [
                te.max(te.min(place, end), zero).astype("int32")
                for place, end in zip((row, column), last, strict=True)
            ]
            value = pixel(*places).astype(dtype)
            if outside:
                inside = tirx.all(row >= zero, row <= last[0], column >= zero, column <= last[1])
                value = tirx.Select(inside, value, zero)
            values.append(by_row * by_column * value)
    return values
