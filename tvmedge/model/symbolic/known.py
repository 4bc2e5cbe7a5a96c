"""Small tensors whose elements are known up to the symbols of open dimensions.

Shape(x) with x: float[N, 3, 8]              [N, 3, 8]
Cast(Gather(Shape(x), 0), to=float) * 0.5    N/2, a ratio that Floor takes back to N//2
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from tvm import ir, relax

from tvmedge.model.symbolic.symbols import Size, expression

MAX_ELEMENTS = 256
TYPES = frozenset({"bool", "int32", "int64", "float16", "float32", "float64"})


@dataclass(frozen=True)
class Ratio:
    """A floating-point number as a fraction of sizes, ``den`` positive.

    ``rounded`` is that of a division: the nearest number to num/den, whose
    floor and ceiling are still those of the fraction as long as both are
    below 2**24.
    """

    num: Size
    den: Size = 1
    rounded: bool = False


Element = bool | Size | Ratio
Elements = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Known:
    """``elements`` holds booleans, sizes or, for floating point, ratios."""

    elements: Elements
    dtype: str

    def is_constant(self) -> bool:
        """Whether no symbol is in it."""
        return all(_is_number(element) for element in self.elements.flat)

    def sizes(self) -> tuple[Size, ...]:
        """The elements in order; empty where they are no integers."""
        return tuple(self.elements.flat) if "int" in self.dtype else ()


def known_constant(value: Any) -> Known | None:
    """What a small constant holds."""
    if not isinstance(value, ir.GenericConst) or math.prod(value.value.shape) > MAX_ELEMENTS:
        return None
    return known_array(value.value.numpy())


def known_array(array: npt.NDArray[Any]) -> Known | None:
    """What a small array holds; nothing that is not a finite number."""
    if array.size > MAX_ELEMENTS or array.dtype.name not in TYPES:
        return None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return None
    return Known(elements(array.shape, map(_element, array.reshape(-1))), array.dtype.name)


def elements(shape: tuple[int, ...], values: Any) -> Elements:
    """An array of objects, which numpy must not look into."""
    flat = np.empty(int(np.prod(shape)), object)
    for index, value in enumerate(values):
        flat[index] = value
    return flat.reshape(shape)


def as_tensor(bb: relax.BlockBuilder, known: Known) -> relax.Expr:
    """The same as a Relax tensor, computed from the shapes at run time."""
    flat = list(known.elements.flat)
    if known.is_constant():
        numbers = [_number(element) for element in flat]
        return relax.const(np.array(numbers, known.dtype).reshape(known.elements.shape))
    if "float" not in known.dtype:
        return _integers(bb, flat, known.elements.shape, known.dtype)
    shape = known.elements.shape
    above = _integers(bb, [ratio.num for ratio in flat], shape, known.dtype)
    if all(isinstance(ratio.den, int) and ratio.den == 1 for ratio in flat):
        return above
    below = _integers(bb, [ratio.den for ratio in flat], shape, known.dtype)
    return bb.normalize(relax.op.divide(above, below))


def _integers(
    bb: relax.BlockBuilder, sizes: list[Size], shape: tuple[int, ...], dtype: str
) -> relax.Expr:
    tensor = bb.emit(relax.op.shape_to_tensor(relax.ShapeExpr([expression(s) for s in sizes])))
    if len(shape) != 1:
        tensor = bb.emit(relax.op.reshape(tensor, shape))
    return tensor if dtype == "int64" else bb.emit(relax.op.astype(tensor, dtype))


def _element(number: Any) -> Element:
    if isinstance(number, np.bool_):
        return bool(number)
    if isinstance(number, np.integer):
        return int(number)
    fraction = Fraction(float(number))
    return Ratio(fraction.numerator, fraction.denominator)


def _is_number(element: Element) -> bool:
    if isinstance(element, Ratio):
        return isinstance(element.num, int) and isinstance(element.den, int)
    return isinstance(element, int)


def _number(element: Element) -> float | int:
    return element.num / element.den if isinstance(element, Ratio) else element
