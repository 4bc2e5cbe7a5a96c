"""Fix inputs to values that the user gives.

before: inputs x, sr: int64[]               with --input sr=16000
after:  input x; initializer sr = 16000

Folding then takes them for what they are, constants: an If on ``sr`` becomes the
branch that is taken. This works on the file's own messages, so that everything
that looks at the model sees one with fewer inputs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from tvmedge.dtypes import NAMES, is_float
from tvmedge.errors import InputError, nearest
from tvmedge.model.inputs import Values
from tvmedge.model.load import Model
from tvmedge.shapes import Shape
from tvmedge.tensors.npy import read_npy
from tvmedge.types import FixedInput, TensorSpec

Array = npt.NDArray[Any]

MAX_LISTED = 64
"""A manifest lists the elements of no longer values."""


def bind_values(model: Model, values: Values) -> Model:
    """``model`` without the inputs in ``values``, which are constants in it now.

    Raises:
        InputError: a name that no input has, or a value that the input's type
            and shape do not allow.
    """
    if not values:
        return model
    try:
        fixed = _fixed(model.proto.graph, values)
    except InputError as error:
        raise InputError(f"Model '{model.path}': {error}") from error
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for entries in (proto.graph.input, proto.graph.initializer):  # a default may stand there
        for index in reversed(range(len(entries))):
            if entries[index].name in fixed:
                del entries[index]
    given = (numpy_helper.from_array(array, name) for name, array in fixed.items())
    proto.graph.initializer.extend(given)
    return replace(model, proto=proto, fixed={**model.fixed, **fixed})


def fixed_inputs(model: Model) -> tuple[FixedInput, ...]:
    """What a bundle says of the inputs that have a value."""
    return tuple(
        FixedInput(
            name=name,
            shape=array.shape,
            dtype=array.dtype.name,
            value=_elements(array),
            sha256=hashlib.sha256(array.tobytes()).hexdigest(),
        )
        for name, array in model.fixed.items()
    )


def _elements(array: Array) -> tuple[bool | int | float, ...] | None:
    if array.size > MAX_LISTED:
        return None
    name = array.dtype.name
    kind = np.float64 if is_float(name) else bool if name == "bool" else np.int64
    numbers = tuple(array.astype(object if name == "uint64" else kind).reshape(-1).tolist())
    return numbers if all(map(math.isfinite, numbers)) else None


def _fixed(graph: onnx.GraphProto, values: Values) -> Mapping[str, Array]:
    inputs = {value.name: value for value in graph.input}
    for name in values:
        if name not in inputs:
            raise InputError(f"it has no input '{name}' ({nearest(name, inputs)}).")
    return {name: _array(inputs[name], value) for name, value in values.items()}


def _array(port: onnx.ValueInfoProto, value: npt.ArrayLike | Path) -> Array:
    """``value`` as the type and shape of the input."""
    spec, want = _spec(port)
    if isinstance(value, Path):
        return read_npy(value, spec).astype(want)
    try:
        given = np.asarray(value)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the value of input '{spec.name}' is not a regular array: give lists of equal lengths."
        ) from error
    if not _fits(port, given.shape):
        raise InputError(
            f"input '{spec.name}' has the shape {_text(spec.shape)}, but the value given for it "
            f"{_text(given.shape)}."
        )
    array = _cast(given, want)
    if array is None:
        raise InputError(
            f"input '{spec.name}' is {spec.dtype}, which cannot hold the value given for it, "
            f"{_short(value)}: give it as {spec.dtype}."
        )
    return array


def _spec(port: onnx.ValueInfoProto) -> tuple[TensorSpec, np.dtype[Any]]:
    """The input as its type declares it; open dimensions are text."""
    tensor = port.type.tensor_type
    kind = tensor.elem_type if port.type.HasField("tensor_type") else 0
    name = helper.tensor_dtype_to_np_dtype(kind).name if kind in _TYPES else ""
    if name not in NAMES:
        raise InputError(f"input '{port.name}' is no tensor of numbers, it cannot be fixed.")
    dims = [dim.dim_value or dim.dim_param or "?" for dim in tensor.shape.dim]
    return TensorSpec(port.name, tuple(dims), name), helper.tensor_dtype_to_np_dtype(kind)


_TYPES = frozenset(onnx.TensorProto.DataType.values()) - {onnx.TensorProto.UNDEFINED}


def _fits(port: onnx.ValueInfoProto, shape: tuple[int, ...]) -> bool:
    if not port.type.tensor_type.HasField("shape"):
        return True
    dims = port.type.tensor_type.shape.dim
    return len(dims) == len(shape) and all(
        dim.dim_value in (0, size) for dim, size in zip(dims, shape, strict=True)
    )


def _cast(given: Array, want: np.dtype[Any]) -> Array | None:
    """The same values as ``want``, fractions rounded; None where it has no such values."""
    kind = given.dtype.kind
    if given.dtype == want:
        return given
    if kind not in "biuf" or (kind == "b" and want.kind != "b"):
        return None
    with np.errstate(all="ignore"):
        array = given.astype(want)
    if kind == "f" and is_float(want.name):
        overflown = np.isfinite(given) & ~np.isfinite(array.astype(np.float64))
        return None if overflown.any() else array
    return array if np.all(array.astype(object) == given.astype(object)) else None


def _text(shape: Shape) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _short(value: npt.ArrayLike) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
