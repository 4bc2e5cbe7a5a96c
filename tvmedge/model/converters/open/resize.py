"""Resize of open dimensions: nearest, linear and cubic, one axis after another.

out[..., i, ...] = sum over k of weight_k(i) * x[..., clamp(place(i) + k), ...]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.resize_places import (
    Scale,
    constant_scale,
    coordinate,
    nearest,
)
from tvmedge.model.converters.open.sizes import dims_of, tensor_of
from tvmedge.model.symbolic import Size, expression
from tvmedge.model.symbolic.known import Ratio

_HALVES = ("float16", "bfloat16")


@dataclass(frozen=True)
class _Step:
    axis: int
    after: Size
    scale: Scale | None  # None: that of the extents


def resize(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Resize(x, roi, scales, sizes)"""
    own = dims_of(node)
    x = tensor_of(node)
    dtype = str(x.ty.dtype)
    mode = _text(node, "mode", "nearest")
    if mode != "nearest" and "float" not in dtype:
        raise ValueError("integers are only interpolated where sizes are fixed")
    if node.attributes.get("antialias", 0):
        raise ValueError("antialias needs fixed sizes")
    if dtype in _HALVES and mode != "nearest":
        x = bb.normalize(relax.op.astype(x, "float32"))
    for step in _steps(node, own):
        x = bb.emit_te(_along(node, mode, step), x, primfunc_name_hint="resize")
    return relax.op.astype(x, dtype) if dtype in _HALVES else x


def _steps(node: Node, own: tuple[Size, ...]) -> list[_Step]:
    axes = [a % len(own) for a in node.attributes.get("axes", range(len(own)))]
    scales, sizes = (node.known[k] if k < len(node.known) else None for k in (2, 3))
    symbols, steps = node.symbols, []
    if sizes is not None and sizes.elements.size:
        if _text(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
            raise ValueError("keep_aspect_ratio_policy needs fixed sizes")
        for axis, size in zip(axes, sizes.sizes(), strict=True):
            if not symbols.equal(size, own[axis]):
                steps.append(_Step(axis, size, None))
        return steps
    if scales is None or not scales.elements.size:
        raise ValueError("its scales or sizes must follow from shapes and constants, not from data")
    for axis, ratio in zip(axes, scales.elements.flat, strict=True):
        scale = _scale(ratio)
        if isinstance(scale.num, int) and scale.num == scale.den:
            continue
        after = symbols.quotient(symbols.size(own[axis] * scale.num), scale.den)
        if after is None:
            raise ValueError("its scales may be negative for some sizes")
        open_ = not (isinstance(scale.num, int) and isinstance(scale.den, int))
        if open_ and not symbols.equal(own[axis] * scale.num, after * scale.den):
            raise ValueError("a scale that is no simple fraction needs fixed sizes: give it sizes")
        steps.append(_Step(axis, after, None if open_ else scale))
    return steps


def _scale(ratio: Any) -> Scale:
    if isinstance(ratio, Ratio) and isinstance(ratio.num, int) and isinstance(ratio.den, int):
        scale = constant_scale(ratio.num / ratio.den)
    elif isinstance(ratio, Ratio) and not ratio.rounded:
        scale = Scale(ratio.num, ratio.den)
    else:
        scale = None
    if scale is None:
        raise ValueError("a scale that is no simple fraction needs fixed sizes: give it sizes")
    return scale


def _text(node: Node, name: str, default: str) -> str:
    value = node.attributes.get(name, default)
    return value.decode() if isinstance(value, bytes) else str(value)


def _along(node: Node, mode: str, step: _Step) -> Any:
    """The resized tensor along one axis."""
    transformation = _text(node, "coordinate_transformation_mode", "half_pixel")
    rounding = _text(node, "nearest_mode", "round_prefer_floor")
    cubic = float(node.attributes.get("cubic_coeff_a", -0.75))
    within = bool(node.attributes.get("exclude_outside", 0))
    axis = step.axis

    def compute(data: te.Tensor) -> te.Tensor:
        before, after = data.shape[axis], expression(step.after)

        def element(*at: tirx.Var) -> tirx.Expr:
            scale = step.scale or Scale(after, before)
            num, den = coordinate(transformation, at[axis], before, after, scale)
            if mode == "nearest":
                return read(at, nearest(rounding, num, den))
            first = tirx.floordiv(num, den)
            rest = tirx.Cast(data.dtype, num - first * den) / tirx.Cast(data.dtype, den)
            weights = [1 - rest, rest] if mode == "linear" else _cubic(rest, cubic)
            offset = len(weights) // 2 - 1
            places = [first + k - offset for k in range(len(weights))]
            if within:
                weights = _renormalised(places, weights, before)
            terms = [w * read(at, p) for w, p in zip(weights, places, strict=True)]
            return sum(terms[1:], terms[0])

        def read(at: Sequence[Any], place: Any) -> tirx.Expr:
            inside = tirx.max(0, tirx.min(place, before - 1))
            return data(*at[:axis], inside, *at[axis + 1 :])

        shape = [*data.shape[:axis], after, *data.shape[axis + 1 :]]
        return te.compute(shape, element, name="resize")

    return compute


def _cubic(rest: Any, a: float) -> list[Any]:
    """The weights of the two elements before and the two after."""

    def near(d: Any) -> Any:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Any) -> Any:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(rest + 1), near(rest), near(1 - rest), far(2 - rest)]


def _renormalised(places: list[Any], weights: list[Any], extent: Any) -> list[Any]:
    """Weights without those of places outside, adding up to 1 again."""
    kept = [
        tirx.if_then_else(tirx.all(p >= 0, p < extent), w, w * 0.0)
        for p, w in zip(places, weights, strict=True)
    ]
    total = sum(kept[1:], kept[0])
    return [weight / total for weight in kept]
