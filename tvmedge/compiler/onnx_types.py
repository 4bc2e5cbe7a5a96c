"""From the types that carry a bundle's tensors to those that a graph declares, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from tvmedge.dtypes import carried

Array = npt.NDArray[np.generic]


def as_declared(
    values: Iterable[onnx.ValueInfoProto], arrays: Mapping[str, Array]
) -> dict[str, Array]:
    """Arrays by name, int8 as int4 where that is the type of the graph's value.

    Only where every number stays the same; others are left as they are.
    """
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return {name: _retyped(array, types.get(name, 0)) for name, array in arrays.items()}


def as_carried(
    values: Iterable[onnx.ValueInfoProto], arrays: Mapping[str, Array]
) -> dict[str, Array]:
    """Arrays by name in the types that a bundle carries: int4 as int8.

    Evaluators may compute in another type than the graph declares; where the
    numbers are the same, the declared one counts.
    """
    return {name: carried(array) for name, array in as_declared(values, arrays).items()}


def _retyped(array: Array, type_: int) -> Array:
    try:
        declared = helper.tensor_dtype_to_np_dtype(type_)
    except KeyError:
        return array
    if array.dtype == declared or {array.dtype.kind, declared.kind} & set("OSUc"):
        return array
    with np.errstate(all="ignore"):
        retyped = array.astype(declared)
    same = np.array_equal(carried(retyped), carried(array), equal_nan=True)
    return retyped if same else array
