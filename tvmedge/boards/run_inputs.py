"""Arrays that are to be a model's inputs, and what tensors take."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tvmedge.dtypes import carrier, out_of_range
from tvmedge.errors import InputError, nearest
from tvmedge.shapes import resolve
from tvmedge.tensors.sizes import fits
from tvmedge.types import TensorSpec


def checked_inputs(
    inputs: Mapping[str, np.ndarray], specs: tuple[TensorSpec, ...]
) -> dict[str, np.ndarray]:
    """``inputs`` in the order of ``specs``.

    Raises:
        InputError: a name, shape, dtype or value is not the model's.
    """
    names = [spec.name for spec in specs]
    for name in inputs:
        if name not in names:
            raise InputError(f"The model has no input '{name}' ({nearest(name, names)}).")
    arrays = {}
    for spec in specs:
        if spec.name not in inputs:
            raise InputError(f"The model needs the input {spec}: give it.")
        array = np.asarray(inputs[spec.name])
        kind = carrier(spec.dtype).name
        if not fits(spec.shape, array.shape) or array.dtype.name != kind:
            got = TensorSpec(spec.name, array.shape, array.dtype.name)
            carried = f" carried by {kind}" if kind != spec.dtype else ""
            raise InputError(f"The model's input is {spec}{carried}, not {got}.")
        if (value := out_of_range(spec.dtype, array)) is not None:
            raise InputError(f"The model's input is {spec}, which cannot hold {value}.")
        arrays[spec.name] = array
    return arrays


def nbytes(spec: TensorSpec) -> int:
    """Bytes of a tensor of known shape; ValueError for another."""
    return math.prod(resolve(spec.shape, {})) * carrier(spec.dtype).itemsize
