"""Random inputs, the same for the same seed on every machine."""

from __future__ import annotations

import zlib

import numpy as np

from tvmedge.errors import InputError
from tvmedge.shapes import resolve
from tvmedge.types import TensorSpec

_INTEGERS = 10


def random_tensor(spec: TensorSpec, seed: int) -> np.ndarray:
    """Floats uniform in [0, 1), integers in 0 to 9, booleans even.

    The values depend on the seed and the input's name only, not on which other
    inputs are random.

    Raises:
        ValueError: an open dimension.
        InputError: a dtype that is none of these, or a negative seed.
    """
    shape = resolve(spec.shape, {})
    if seed < 0:
        raise InputError(f"The seed must be 0 or more, not {seed}.")
    generator = np.random.default_rng([seed, zlib.crc32(spec.name.encode(errors="replace"))])
    kind = np.dtype(spec.dtype).kind
    if spec.dtype in ("float32", "float64"):
        return np.asarray(generator.random(shape, dtype=np.dtype(spec.dtype).type))
    if spec.dtype == "float16":
        # Rounding a finer number could give 1.0; these eleven bits are exact.
        return np.asarray(generator.integers(0, 2048, shape) / 2048, dtype=np.float16)
    if kind in "iub":
        limit = 2 if kind == "b" else _INTEGERS
        return np.asarray(generator.integers(0, limit, shape), dtype=spec.dtype)
    raise InputError(f"The input {spec} cannot be random: give a .npy file.")
