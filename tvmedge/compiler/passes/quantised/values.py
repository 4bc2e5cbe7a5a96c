"""What a float32 value of the model is known to be in integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from tvm import relax

Array: TypeAlias = npt.NDArray[Any]

CODES = 256


@dataclass(frozen=True)
class Grid:
    """The numbers that codes stand for: (code - ``zero``) * ``scale``. Codes are of ``dtype``."""

    scale: float
    zero: int
    dtype: str

    @property
    def codes(self) -> Array:
        """All codes in ascending order."""
        first = int(np.iinfo(self.dtype).min)
        return np.arange(first, first + CODES)

    @property
    def reals(self) -> Array:
        """float32[256]: what each code stands for, as DequantizeLinear computes it."""
        return np.asarray((self.codes - self.zero).astype(np.float32) * np.float32(self.scale))

    def nearest(self, reals: Array) -> Array:
        """The code of each real number, as QuantizeLinear computes it."""
        limits = np.iinfo(self.dtype)
        steps = np.rint(reals.astype(np.float32) / np.float32(self.scale))
        return np.asarray(np.clip(steps + self.zero, limits.min, limits.max).astype(self.dtype))


@dataclass(frozen=True)
class Coded:
    """A function of the codes of ``source``: ``reals`` (float32[256]) for all of them in
    ascending order. ``grid``: all results are numbers of it."""

    source: relax.Expr
    reals: Array
    grid: Grid | None = None


@dataclass(frozen=True)
class Sums:
    """(``total`` + ``offset``) times ``scales``, then clipped to ``low`` and ``high``.

    ``total`` is int32; ``offset`` (int64) and ``scales`` (float64) have one element, or as many
    as ``axis``. ``most`` bounds the absolute value of ``total``.
    """

    total: relax.Expr
    offset: Array
    scales: Array
    axis: int
    most: int
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Added:
    """The sum of two numbers of grids or sums without bounds, clipped to ``low`` and ``high``."""

    left: Coded | Sums
    right: Coded | Sums
    low: float = -np.inf
    high: float = np.inf


Known: TypeAlias = Coded | Sums | Added


def along(array: Array, axis: int, dims: int) -> Array:
    """``array`` of one element or one dimension, as one of ``dims`` along ``axis``."""
    if array.size == 1:
        return array.reshape(())
    return array.reshape([-1 if at == axis % dims else 1 for at in range(dims)])
