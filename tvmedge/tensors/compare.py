"""How far a result is from its reference: the number behind ``--check``."""

from __future__ import annotations

import math

import numpy as np

_TINY = float(np.finfo(np.float32).tiny)
FAINT = 1e-3
"""What a check divides by at least: a sigmoid of 0 or of 1e-8 says the same, and 1e-7, which
1e-4 of this allows, is how values near one are rounded."""


def max_normalised_error(got: np.ndarray, want: np.ndarray, least: float = _TINY) -> float:
    """``max(|got - want|) / max(|want|, least)``, computed in float64; 0.0 is equality.

    - Another shape: inf. Empty arrays: 0.0. Dtypes are not compared.
    - NaN must meet NaN and an infinity the same infinity, else inf; the finite
      rest is measured. ``least`` is the least float32 by default.
    - Where both are integers wider than 8 bits they are indices, counts or
      labels, and any difference is inf; 8-bit ones are quantised values and
      booleans are 0 and 1: both are measured like floats.
    """
    if got.shape != want.shape:
        return math.inf
    got, want = _plain(got), _plain(want)
    if np.array_equal(got, want):
        return 0.0
    if all(array.dtype.kind in "iu" and array.itemsize > 1 for array in (got, want)):
        return math.inf
    got, want = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return math.inf
    got, want = got[finite], want[finite]
    if not np.isfinite(got).all():
        return math.inf
    with np.errstate(over="ignore"):
        difference = np.max(np.abs(got - want), initial=0.0)
        return float(difference / np.max(np.abs(want), initial=least))


def is_faint(array: np.ndarray) -> bool:
    """Whether floats are all so small that a check says little: below ``FAINT``."""
    plain = _plain(array)
    return plain.dtype.kind == "f" and bool((np.abs(plain) < FAINT).all())


def is_void(array: np.ndarray) -> bool:
    """Whether floats are all NaN or infinite, which says nothing of how they were computed."""
    plain = _plain(array)
    return plain.dtype.kind == "f" and not np.isfinite(plain).any()


def _plain(array: np.ndarray) -> np.ndarray:
    """bfloat16 as float32: numpy's functions know no NaN of it."""
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
