"""DeformConv: pixels read where the offsets say, then one matrix product.

columns[n, c, k, y, x] = image[n, c] at kernel place k of (y, x) plus its offset,
times its mask; the result is weight[oc, (c, k)] . columns[n, (c, k), (y, x)].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.sampling import corners


@dataclass(frozen=True)
class _Layout:
    """The node's attributes, for images: two of each."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    groups: int
    offset_groups: int


def deform_conv(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """DeformConv(x, weight, offset, bias, mask)"""
    x, weight, offset, bias, mask = (*node.inputs, None, None)[:5]
    assert x is not None and weight is not None and offset is not None
    if x.ty.ndim != 4:
        raise ValueError("only images are deformed: give an input of 4 dimensions")
    dtype = str(x.ty.dtype)
    wide = "float64" if dtype == "float64" else "float32"
    layout = _layout(node, weight)

    def compute(*tensors: te.Tensor) -> te.Tensor:
        return _columns(layout, wide, dtype, *tensors)

    given = [x, offset] if mask is None else [x, offset, mask]
    columns = bb.emit_te(compute, *given, primfunc_name_hint="deform_columns")
    batch, channels = x.ty.shape[0], x.ty.shape[1]
    high, broad = offset.ty.shape[2], offset.ty.shape[3]
    groups, out, places = layout.groups, weight.ty.shape[0], layout.kernel[0] * layout.kernel[1]
    depth = channels // groups * places
    rows = relax.op.reshape(columns, [batch, groups, depth, high * broad])
    matrix = relax.op.reshape(weight, [1, groups, out // groups, depth])
    sums = relax.op.matmul(bb.normalize(matrix), bb.normalize(rows), out_dtype=wide)
    result = bb.normalize(relax.op.reshape(bb.normalize(sums), [batch, out, high, broad]))
    if bias is not None:
        column = bb.normalize(relax.op.astype(bias, wide))
        column = bb.normalize(relax.op.reshape(column, [1, -1, 1, 1]))
        result = bb.normalize(relax.op.add(result, column))
    return result if wide == dtype else relax.op.astype(result, dtype)


def _layout(node: Node, weight: relax.Expr) -> _Layout:
    def pair(name: str, default: Any) -> tuple[int, ...]:
        return tuple(int(n) for n in node.attributes.get(name) or default)

    return _Layout(
        pair("kernel_shape", list(weight.ty.shape)[2:]),
        pair("strides", [1, 1]),
        pair("dilations", [1, 1]),
        pair("pads", [0] * 4),
        int(node.attributes.get("group", 1)),
        int(node.attributes.get("offset_group", 1)),
    )


def _columns(
    layout: _Layout,
    wide: str,
    dtype: str,
    data: te.Tensor,
    offset: te.Tensor,
    mask: te.Tensor | None = None,
) -> te.Tensor:
    batch, channels, height, width = data.shape
    places = layout.kernel[0] * layout.kernel[1]
    per_group = channels // layout.offset_groups

    def element(n: tirx.Var, c: tirx.Var, k: tirx.Var, i: tirx.Var, j: tirx.Var) -> tirx.Expr:
        place = tirx.floordiv(c, per_group) * places + k
        kernel = (tirx.floordiv(k, layout.kernel[1]), tirx.floormod(k, layout.kernel[1]))
        y, x = (
            (at * stride - pad + part * dilation).astype(wide)
            + offset[n, place * 2 + axis, i, j].astype(wide)
            for axis, (at, part, stride, pad, dilation) in enumerate(
                zip((i, j), kernel, layout.strides, layout.pads, layout.dilations, strict=False)
            )
        )
        around = corners(
            lambda row, column: data[n, c, row, column], (height, width), y, x, wide, outside=True
        )
        value = sum(around[1:], around[0])
        if mask is not None:
            value = value * mask[n, place, i, j].astype(wide)
        return value.astype(dtype)

    shape = (batch, channels, places, offset.shape[2], offset.shape[3])
    return te.compute(shape, element, name="deform_columns")
