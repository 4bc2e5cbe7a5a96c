"""A Resize node's inputs and attributes, read into one step an axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from tvmedge.model.prepare.operators.resize_weights import Axis, Filter, Taps, find_taps
from tvmedge.model.prepare.rewrite import const, integer, number, optional, text


@dataclass(frozen=True)
class Plan:
    """What a Resize does along each axis that it changes; ``shape`` has None
    where an axis is open."""

    mode: str
    shape: tuple[int | None, ...]
    axes: Mapping[int, Taps]
    extrapolation: float

    @property
    def rank(self) -> int:
        return len(self.shape)


def plan(node: ir.Node) -> Plan | None:
    """None when an extent, the scales or sizes, or the roi are not known."""
    x = optional(node, 0)
    if x is None or x.shape is None:
        return None
    shape = tuple(n if isinstance(n, int) else None for n in x.shape)
    axes = _axes(node, len(shape))
    how = _filter(node)
    steps = _steps(node, [shape[axis] for axis in axes], how)
    if steps is None:
        return None
    changed = {}
    for axis, step in sorted(zip(axes, steps, strict=True)):
        if step is not None:
            taps = find_taps(step, how)
            if not taps.is_identity():
                changed[axis] = taps
    return Plan(how.mode, shape, changed, number(node, "extrapolation_value", 0.0))


def _axes(node: ir.Node, rank: int) -> list[int]:
    attribute = node.attributes.get("axes")
    axes = range(rank) if attribute is None else attribute.as_ints()
    return [axis % rank for axis in axes]


def _filter(node: ir.Node) -> Filter:
    return Filter(
        mode=text(node, "mode", "nearest"),
        coordinates=text(node, "coordinate_transformation_mode", "half_pixel"),
        nearest=text(node, "nearest_mode", "round_prefer_floor"),
        cubic_a=number(node, "cubic_coeff_a", -0.75),
        antialias=bool(integer(node, "antialias", 0)),
        exclude_outside=bool(integer(node, "exclude_outside", 0)),
    )


def _steps(node: ir.Node, before: list[int | None], how: Filter) -> list[Axis | None] | None:
    """One step for each resized axis; None for one that is open and left as it is."""
    after = _after(node, before)
    if after is None:
        return None
    rois = _rois(node, how, len(before))
    if rois is None:
        return None
    steps: list[Axis | None] = []
    for old, (new, scale), roi in zip(before, after, rois, strict=True):
        if old is None and (scale != 1 or roi != (0, 1)):
            return None
        steps.append(None if old is None else Axis(old, new, scale, roi))
    return steps


def _after(node: ir.Node, before: list[int | None]) -> list[tuple[int, float]] | None:
    """Extent and scale of every resized axis; sizes can leave no axis open."""
    scales, sizes = const(optional(node, 2)), const(optional(node, 3))
    if scales is not None and scales.size:
        # ONNX's shape inference multiplies in float32 as well.
        pairs = zip(before, scales.astype(np.float32), strict=True)
        return [(0 if n is None else int(np.float32(n) * s), float(s)) for n, s in pairs]
    if sizes is None or not sizes.size or None in before or 0 in before:
        return None
    ratios = [int(new) / old for new, old in zip(sizes, before, strict=True) if old]
    policy = text(node, "keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return [(int(new), ratio) for new, ratio in zip(sizes, ratios, strict=True)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return [(int(scale * old + 0.5), scale) for old in before if old]


def _rois(node: ir.Node, how: Filter, count: int) -> list[tuple[float, float]] | None:
    if how.coordinates != "tf_crop_and_resize":
        return [(0.0, 1.0)] * count
    roi = const(optional(node, 1))
    if roi is None or roi.size != 2 * count:
        return None
    ranges = [(float(roi[i]), float(roi[count + i])) for i in range(count)]
    by_sizes = const(optional(node, 2)) is None
    # With scales, ONNX's text lets the roi shrink the output; no runtime does.
    return ranges if by_sizes or all(r == (0, 1) for r in ranges) else None
