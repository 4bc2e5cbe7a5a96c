"""How far a result is from its reference: the number behind ``--check``."""

from __future__ import annotations

import math

import numpy as np

_TINY = float(np.finfo(np.float32).tiny)


def max_normalised_error(got: np.ndarray, want: np.ndarray) -> float:
    """``max(|got - want|) / max(|want|)``, computed in float64; 0.0 is equality.

    - Another shape: inf. Empty arrays: 0.0. Dtypes are not compared.
    - NaN must meet NaN and an infinity the same infinity, else inf; the finite
      rest is measured. A reference of zeros is divided by the least float32.
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
        return float(difference / np.max(np.abs(want), initial=_TINY))


def _plain(array: np.ndarray) -> np.ndarray:
    """bfloat16 as float32: numpy's functions know no NaN of it."""
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
