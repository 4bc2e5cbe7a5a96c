"""Slice, Split and Squeeze where sizes, or the cuts themselves, hold symbols."""

from __future__ import annotations

from typing import Any

from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.sizes import axes_of, clamp, dims_of, require_zero, sizes_of
from tvmedge.model.symbolic import Size, expression

FAR = 10**9
"""Starts and ends beyond it mean as far as there is."""


def slice_(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Slice(x, starts, ends, axes, steps)"""
    own = dims_of(node)
    starts, ends = sizes_of(node, 1, "starts"), sizes_of(node, 2, "ends")
    axes = axes_of(node, 3, range(len(starts)))
    steps = axes_of(node, 4, [1] * len(starts))
    cuts = {}
    places = [axis % len(own) for axis in axes]
    for axis, start, end, step in zip(places, starts, ends, steps, strict=True):
        cuts[axis] = (*_cut(node, own[axis], start, end, step), step)
    return _taken(bb, node.inputs[0], own, cuts)


def _cut(node: Node, extent: Size, start: Size, end: Size, step: int) -> tuple[Size, Size]:
    """The first element and the number of elements."""
    symbols = node.symbols
    if step > 0:
        first = clamp(node, _from_front(node, start, extent), 0, extent)
        last = clamp(node, _from_front(node, end, extent), 0, extent)
        length = symbols.quotient(symbols.size(last - first + step - 1), step)
    else:
        top = symbols.size(extent - 1)
        first = clamp(node, _from_front(node, start, extent), 0, top)
        last = -1 if _is_far(end) and end < 0 else _from_front(node, end, extent)
        last = clamp(node, last, -1, top)
        length = symbols.quotient(symbols.size(first - last - step - 1), -step)
    assert length is not None
    return first, length if symbols.proves(length >= 0) else symbols.most(length, 0)


def _is_far(position: Size) -> bool:
    return isinstance(position, int) and abs(position) >= FAR


def _from_front(node: Node, position: Size, extent: Size) -> Size:
    if _is_far(position):
        return extent if position > 0 else 0
    if node.symbols.proves(position >= 0):
        return position
    if node.symbols.proves(position < 0):
        return node.symbols.size(position + extent)
    raise ValueError("whether it counts from the front or the back depends on the sizes")


Cuts = dict[int, tuple[Size, Size, int]]


def _taken(bb: relax.BlockBuilder, x: relax.Expr, own: tuple[Size, ...], cuts: Cuts) -> relax.Expr:
    whole = {axis: (0, extent, 1) for axis, extent in enumerate(own)}
    every = [(whole | cuts)[axis] for axis in range(len(own))]

    def compute(data: te.Tensor, *firsts: Any) -> te.Tensor:
        def element(*at: tirx.Var) -> tirx.Expr:
            places = zip(firsts, at, every, strict=True)
            return data(*(first + i * step for first, i, (_, _, step) in places))

        return te.compute([expression(length) for _, length, _ in every], element, name="slice")

    firsts = [expression(first) for first, _, _ in every]
    return bb.emit_te(compute, x, *firsts, primfunc_name_hint="slice")


def split(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Split(x, split) into parts that fill the axis"""
    own, symbols = dims_of(node), node.symbols
    axis = int(node.attributes.get("axis", 0)) % len(own)
    if len(node.inputs) > 1 and node.inputs[1] is not None:
        parts = list(sizes_of(node, 1, "split"))
        total = symbols.size(sum(parts, 0))
        why = f"parts of {total} elements together do not fill an axis of {own[axis]}"
        require_zero(bb, node, total - own[axis], why)
    else:
        count = int(node.attributes.get("num_outputs", node.outputs))
        part = symbols.quotient(symbols.size(own[axis] + count - 1), count)
        assert part is not None
        rest = [symbols.size(own[axis] - k * part) for k in range(count)]
        parts = [clamp(node, left, 0, part) for left in rest]
    results, first = [], 0
    for part in parts:
        results.append(_taken(bb, node.inputs[0], own, {axis: (first, part, 1)}))
        first = symbols.size(first + part)
    return results[0] if len(results) == 1 else relax.Tuple(results)


def squeeze(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Squeeze(x, axes); that they have one element is checked at run time."""
    own = dims_of(node)
    given = len(node.inputs) > 1 and node.inputs[1] is not None
    axes = [axis % len(own) for axis in (axes_of(node, 1, ()) if given else _ones(own))]
    for axis in axes:
        require_zero(bb, node, own[axis] - 1, f"axis {axis} has {own[axis]} elements, not one")
    left = [expression(size) for axis, size in enumerate(own) if axis not in axes]
    return relax.op.reshape(node.inputs[0], relax.ShapeExpr(left))


def _ones(own: tuple[Size, ...]) -> list[int]:
    if not all(isinstance(size, int) for size in own):
        raise ValueError("which of its axes have one element is only known when the model runs")
    return [axis for axis, size in enumerate(own) if size == 1]
