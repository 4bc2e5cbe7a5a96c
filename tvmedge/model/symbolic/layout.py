"""Operators that only move the elements of small known tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import numpy_helper

from tvmedge.model.symbolic.known import MAX_ELEMENTS, Elements, Known, elements, known_array
from tvmedge.model.symbolic.operators import Answer, Operator, Question


def _identity(q: Question) -> Answer:
    return q.first


def _gather(q: Question) -> Answer:
    indices = q.inputs[1]
    if indices is None or not indices.is_constant():
        return None
    array = q.first.elements
    axis = q.attributes.get("axis", 0) % array.ndim
    places = indices.elements.astype(np.int64)
    if places.size and not (-array.shape[axis] <= places.min() <= places.max() < array.shape[axis]):
        return None
    return _moved(q, np.take(array, places, axis))


def _slice(q: Question) -> Answer:
    array = q.first.elements
    starts, ends = q.numbers(1), q.numbers(2)
    given = len(q.inputs) > 3 and q.inputs[3] is not None
    axes = q.numbers(3) if given else list(range(len(starts or ())))
    stepped = len(q.inputs) > 4 and q.inputs[4] is not None
    steps = q.numbers(4) if stepped else [1] * len(starts or ())
    if starts is None or ends is None or axes is None or steps is None:
        return None
    window = [slice(None)] * array.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        before_first = step < 0 and end < -array.shape[axis]
        window[axis] = slice(start, None if before_first else end, step)
    return _moved(q, array[tuple(window)])


def _concat(q: Question) -> Answer:
    arrays = [known.elements for known in q.inputs if known is not None]
    if sum(array.size for array in arrays) > MAX_ELEMENTS:
        return None
    return _moved(q, np.concatenate(arrays, q.attributes["axis"]))


def _squeeze(q: Question) -> Answer:
    axes = q.numbers(1) if len(q.inputs) > 1 and q.inputs[1] is not None else None
    if axes is None and len(q.inputs) > 1 and q.inputs[1] is not None:
        return None
    return _moved(q, np.squeeze(q.first.elements, None if axes is None else tuple(axes)))


def _unsqueeze(q: Question) -> Answer:
    axes = q.numbers(1)
    return None if axes is None else _moved(q, np.expand_dims(q.first.elements, tuple(axes)))


def _reshape(q: Question) -> Answer:
    target = q.numbers(1)
    if target is None:
        return None
    array = q.first.elements
    if not q.attributes.get("allowzero", 0):
        target = [array.shape[i] if t == 0 else t for i, t in enumerate(target)]
    return _moved(q, array.reshape(target))


def _flatten(q: Question) -> Answer:
    array = q.first.elements
    axis = q.attributes.get("axis", 1)
    before = int(np.prod(array.shape[: axis + array.ndim if axis < 0 else axis]))
    return _moved(q, array.reshape(before, array.size // max(before, 1)))


def _transpose(q: Question) -> Answer:
    return _moved(q, np.transpose(q.first.elements, q.attributes.get("perm")))


def _expand(q: Question) -> Answer:
    target = q.numbers(1)
    if target is None:
        return None
    shape = np.broadcast_shapes(q.first.elements.shape, tuple(target))
    if np.prod(shape) > MAX_ELEMENTS:
        return None
    return _moved(q, np.broadcast_to(q.first.elements, shape))


def _tile(q: Question) -> Answer:
    repeats = q.numbers(1)
    if repeats is None or q.first.elements.size * np.prod(repeats) > MAX_ELEMENTS:
        return None
    return _moved(q, np.tile(q.first.elements, repeats))


def _split(q: Question) -> Answer:
    array = q.first.elements
    axis = q.attributes.get("axis", 0)
    given = len(q.inputs) > 1 and q.inputs[1] is not None
    part = -(-array.shape[axis] // q.outputs)
    sizes = q.numbers(1) if given else [part] * q.outputs
    if sizes is None:
        return None
    ends = np.cumsum(sizes)[:-1]
    return [Known(part, q.first.dtype) for part in np.split(array, ends, axis)]


def _constant_of_shape(q: Question) -> Answer:
    shape = q.numbers(0)
    if shape is None or np.prod(shape, dtype=float) > MAX_ELEMENTS:
        return None
    value = q.attributes.get("value")
    fill = known_array(np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value))
    if fill is None:
        return None
    return Known(elements(tuple(shape), [fill.elements.item()] * int(np.prod(shape))), fill.dtype)


def _range(q: Question) -> Answer:
    start, limit, step = (q.scalar(index) for index in range(3))
    if start is None or limit is None or not isinstance(step, int) or step == 0:
        return None
    length = q.symbols.size(limit - start)
    if not isinstance(length, int):
        return None
    count = max(0, -(-length // step))
    if count > MAX_ELEMENTS:
        return None
    return Known(
        elements((count,), (q.symbols.size(start + i * step) for i in range(count))),
        q.first.dtype,
    )


def _moved(q: Question, array: Elements) -> Known:
    """numpy gives an element in place of an array of rank 0."""
    return Known(array if _is_array(array) else elements((), [array]), q.first.dtype)


def _is_array(array: object) -> bool:
    return isinstance(array, np.ndarray)


LAYOUT: Mapping[str, Operator] = {
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": _identity,
    "Range": _range,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
