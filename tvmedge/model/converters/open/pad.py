"""Pad of open dimensions, or by amounts that hold symbols.

out[i] = x[i - before]      outside of x the value, or the element that the mode picks
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.sizes import (
    axes_of,
    dims_of,
    require_zero,
    sizes_of,
    tensor_of,
)
from tvmedge.model.symbolic import Size, expression


def pad(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Pad(x, pads, value, axes)"""
    own, pads = dims_of(node), sizes_of(node, 1, "pads")
    axes = [axis % len(own) for axis in axes_of(node, 3, range(len(own)))]
    mode = node.attributes.get("mode", b"constant").decode()
    before: list[Size] = [0] * len(own)
    wide = list(own)
    for place, axis in enumerate(axes):
        first, last = pads[place], pads[place + len(axes)]
        before[axis] = first
        wide[axis] = node.symbols.size(own[axis] + first + last)
        if not node.symbols.proves(wide[axis] >= 0):
            raise ValueError("its pads may take away more than there is")
        if mode == "reflect":
            most = node.symbols.most(first, last)
            excess = node.symbols.most(0, node.symbols.size(most - own[axis] + 1))
            require_zero(bb, node, excess, "it reflects more elements than there are")
    x = tensor_of(node)
    value = node.inputs[2] if len(node.inputs) > 2 else None
    if value is None:
        value = relax.const(np.zeros((), str(x.ty.dtype)))
    elif value.ty.ndim:
        value = bb.normalize(relax.op.reshape(value, ()))

    def compute(data: te.Tensor, fill: te.Tensor, *firsts: Any) -> te.Tensor:
        def element(*at: tirx.Var) -> tirx.Expr:
            places = [i - first for i, first in zip(at, firsts, strict=True)]
            picked = [_place(mode, p, n) for p, n in zip(places, data.shape, strict=True)]
            if mode != "constant":
                return data(*picked)
            pairs = zip(places, data.shape, strict=True)
            inside = tirx.all(*(c for p, n in pairs for c in (p >= 0, p < n)))
            return tirx.if_then_else(inside, data(*places), fill())

        return te.compute([expression(size) for size in wide], element, name="pad")

    firsts = [expression(size) for size in before]
    return bb.emit_te(compute, x, value, *firsts, primfunc_name_hint="pad")


def _place(mode: str, place: tirx.Expr, extent: Any) -> tirx.Expr:
    """The element that stands at ``place``, which may lie outside."""
    if mode == "edge":
        return tirx.max(0, tirx.min(place, extent - 1))
    if mode == "wrap":
        return tirx.floormod(place, extent)
    if mode == "reflect":
        up = tirx.if_then_else(place < 0, -place, place)
        return tirx.if_then_else(up >= extent, 2 * extent - 2 - up, up)
    return place
