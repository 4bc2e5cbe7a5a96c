"""Element types by name, and the numpy types that carry them outside a model.

``bfloat16`` is a numpy type of the package ``ml_dtypes``. Integers of 2 and 4
bits have no place in memory of their own: an array of them is one of int8 or
uint8 whose values are in range.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import numpy.typing as npt

_BFLOAT16 = "bfloat16"
# Name -> its carrier, the least and the greatest value.
_NARROW = {
    "int2": ("int8", -2, 1),
    "int4": ("int8", -8, 7),
    "uint2": ("uint8", 0, 3),
    "uint4": ("uint8", 0, 15),
}
NAMES = frozenset(
    {
        *("bool", "float16", "float32", "float64", _BFLOAT16),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        *_NARROW,
    }
)
"""The types that a bundle's inputs and outputs may have."""


def carrier(name: str) -> np.dtype:
    """The numpy type of arrays that hold ``name``: int8 for int4, else its own.

    Raises:
        ValueError: none of ``NAMES``.
    """
    if name not in NAMES:
        raise ValueError(f"{name!r} is no type of tensors here")
    own: npt.DTypeLike = ml_dtypes.bfloat16 if name == _BFLOAT16 else name
    return np.dtype(_NARROW[name][0] if name in _NARROW else own)


def limits(name: str) -> tuple[int, int] | None:
    """The least and the greatest value of an integer narrower than its carrier."""
    return _NARROW[name][1:] if name in _NARROW else None


def out_of_range(name: str, array: np.ndarray) -> int | None:
    """A value of ``array`` that ``name`` cannot have; None where there is none."""
    if name not in _NARROW or not array.size:
        return None
    _, low, high = _NARROW[name]
    least, most = int(array.min()), int(array.max())
    return least if least < low else most if most > high else None


def carried(array: np.ndarray) -> np.ndarray:
    """``array`` in its type's carrier; types that a bundle lacks stay as they are."""
    name = array.dtype.name
    return array.astype(carrier(name)) if name in _NARROW else array


def is_float(name: str) -> bool:
    """Whether ``name`` is a type of floating-point numbers."""
    return name == _BFLOAT16 or np.dtype(carrier(name)).kind == "f"
