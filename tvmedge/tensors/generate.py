"""Random inputs, the same for the same seed on every machine."""

from __future__ import annotations

import zlib

import numpy as np

from tvmedge.dtypes import NAMES, carrier, is_float, limits
from tvmedge.errors import InputError
from tvmedge.shapes import resolve
from tvmedge.types import TensorSpec

INTEGERS = 10
"""Random ones are less than this."""
# Bits of the significand: rounding a finer number could give 1.0.
_BITS = {"bfloat16": 8, "float16": 11}


def random_tensor(spec: TensorSpec, seed: int, below: int = INTEGERS) -> np.ndarray:
    """Floats uniform in [0, 1), integers in 0 to 9 (of 2 and 4 bits: what they hold
    of it) and less than ``below``, booleans even.

    The values depend on the seed and the input's name only, not on which other
    inputs are random.

    Raises:
        ValueError: an open dimension.
        InputError: a dtype that is none of these, or a negative seed.
    """
    shape = resolve(spec.shape, {})
    if seed < 0:
        raise InputError(f"The seed must be 0 or more, not {seed}.")
    generator = generator_of(spec, seed)
    if spec.dtype not in NAMES:
        raise InputError(f"The input {spec} cannot be random: give a .npy file.")
    dtype = carrier(spec.dtype)
    if spec.dtype in _BITS:
        steps = 1 << _BITS[spec.dtype]
        return np.asarray(generator.integers(0, steps, shape) / steps, dtype=dtype)
    if is_float(spec.dtype):
        return np.asarray(generator.random(shape, dtype=dtype.type))
    _, highest = limits(spec.dtype) or (0, INTEGERS - 1)
    limit = 2 if spec.dtype == "bool" else min(highest + 1, INTEGERS, below)
    return np.asarray(generator.integers(0, limit, shape), dtype=dtype)


def generator_of(spec: TensorSpec, seed: int) -> np.random.Generator:
    """Where the random values of an input come from."""
    return np.random.default_rng([seed, zlib.crc32(spec.name.encode(errors="replace"))])
