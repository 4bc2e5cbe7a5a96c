"""Operators that calculate with the elements of small known tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx

from tvmedge.model.symbolic.known import MAX_ELEMENTS, Element, Elements, Known, elements
from tvmedge.model.symbolic.operators import Answer, Operator, Question
from tvmedge.model.symbolic.scalars import DIGITS


def _each(q: Question, function: Callable[..., Any], *arrays: Elements) -> Elements | None:
    """``function`` on the elements of ``arrays``, broadcast; None where it gives None."""
    wide = np.broadcast_arrays(*arrays, subok=False)
    if wide[0].size > MAX_ELEMENTS:
        return None
    results = [function(*items) for items in zip(*(a.flat for a in wide), strict=True)]
    return None if any(r is None for r in results) else elements(wide[0].shape, results)


def _known(array: Elements | None, dtype: str) -> Known | None:
    return None if array is None else Known(array, dtype)


def _unary(name: str) -> Operator:
    def answer(q: Question) -> Answer:
        return _known(_each(q, getattr(q.scalars, name), q.first.elements), q.first.dtype)

    return answer


def _rounding(name: str) -> Operator:
    def answer(q: Question) -> Answer:
        return _unary(name)(q) if q.first.dtype in DIGITS else None

    return answer


def _folded(name: str) -> Operator:
    """Add, Min and their like, of two inputs or more."""

    def answer(q: Question) -> Answer:
        if any(known is None for known in q.inputs) or q.first.dtype == "bool":
            return None
        total: Elements | None = q.first.elements
        for known in q.inputs[1:]:
            if total is None or known is None:
                return None
            total = _each(q, getattr(q.scalars, name), total, known.elements)
        return _known(total, q.first.dtype)

    return answer


def _modulo(q: Question) -> Answer:
    return None if q.attributes.get("fmod", 0) else _folded("modulo")(q)


def _compare(q: Question) -> Answer:
    a, b = q.inputs
    if a is None or b is None or a.dtype == "bool":
        return None
    compare = q.scalars.compare
    return _known(_each(q, lambda x, y: compare(q.op, x, y), a.elements, b.elements), "bool")


def _logic(function: Callable[..., bool]) -> Operator:
    def answer(q: Question) -> Answer:
        arrays = [known.elements for known in q.inputs if known is not None]
        return _known(_each(q, function, *arrays), "bool")

    return answer


def _where(q: Question) -> Answer:
    condition, a, b = q.inputs
    if condition is None or a is None or b is None:
        return None
    arrays = condition.elements, a.elements, b.elements
    return _known(_each(q, lambda c, x, y: x if c else y, *arrays), a.dtype)


def _cast(q: Question) -> Answer:
    to = onnx.helper.tensor_dtype_to_np_dtype(q.attributes["to"]).name
    return _known(_each(q, lambda x: q.scalars.cast(x, to), q.first.elements), to)


def _cast_like(q: Question) -> Answer:
    like = q.inputs[1]
    if like is None:
        return None
    return _known(_each(q, lambda x: q.scalars.cast(x, like.dtype), q.first.elements), like.dtype)


def _reduce(name: str) -> Operator:
    def answer(q: Question) -> Answer:
        array = q.first.elements
        axes = q.numbers(1) if len(q.inputs) > 1 and q.inputs[1] is not None else []
        if axes is None or q.first.dtype == "bool" or not array.size:
            return None
        if not axes and q.attributes.get("noop_with_empty_axes", 0):
            return q.first
        places = {a % array.ndim for a in axes} or set(range(array.ndim))
        function = getattr(q.scalars, name)
        for axis in sorted(places, reverse=True):
            lines = np.moveaxis(array, axis, -1)
            results = [_fold_line(function, lines[at]) for at in np.ndindex(lines.shape[:-1])]
            if any(result is None for result in results):
                return None
            array = elements(lines.shape[:-1], results)
        if q.attributes.get("keepdims", 1):
            for axis in sorted(places):
                array = np.expand_dims(array, axis)
        return Known(array, q.first.dtype)

    return answer


def _fold_line(function: Callable[..., Any], line: Elements) -> Element | None:
    total = line[0]
    for item in line[1:]:
        if total is not None:
            total = function(total, item)
    return total


ELEMENTWISE: Mapping[str, Operator] = {
    "Abs": _unary("absolute"),
    "Add": _folded("add"),
    "And": _logic(lambda a, b: a and b),
    "Cast": _cast,
    "CastLike": _cast_like,
    "Ceil": _rounding("ceil"),
    "Div": _folded("divide"),
    "Equal": _compare,
    "Floor": _rounding("floor"),
    "Greater": _compare,
    "GreaterOrEqual": _compare,
    "Less": _compare,
    "LessOrEqual": _compare,
    "Max": _folded("most"),
    "Min": _folded("least"),
    "Mod": _modulo,
    "Mul": _folded("multiply"),
    "Neg": _unary("negative"),
    "Not": _logic(lambda a: not a),
    "Or": _logic(lambda a, b: a or b),
    "ReduceMax": _reduce("most"),
    "ReduceMin": _reduce("least"),
    "ReduceProd": _reduce("multiply"),
    "ReduceSum": _reduce("add"),
    "Sub": _folded("subtract"),
    "Sum": _folded("add"),
    "Where": _where,
}
