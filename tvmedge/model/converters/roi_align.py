"""RoiAlign in both modes and both ways to count pixels.

TVM's moves regions by half a pixel before it scales them, where ONNX does so
after, and its maximum is over samples. ONNX's (and onnxruntime's) is over the
four weighted pixels around each sample: that is what the standard's own tests
hold, odd as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.sampling import corners


@dataclass(frozen=True)
class _Roi:
    """The node's attributes."""

    height: int
    width: int
    ratio: int
    scale: float
    half_pixel: bool
    highest: bool


def roi_align(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """RoiAlign(x, rois, batch_indices)"""
    x, rois, batches = node.inputs
    assert x is not None
    dtype = str(x.ty.dtype)
    wide = "float64" if dtype == "float64" else "float32"
    how = _attributes(node)

    def compute(data: te.Tensor, boxes: te.Tensor, images: te.Tensor) -> te.Tensor:
        return _pooled(how, wide, data, boxes, images)

    pooled = bb.emit_te(compute, x, rois, batches, primfunc_name_hint="roi_align")
    return pooled if wide == dtype else relax.op.astype(pooled, dtype)


def _attributes(node: Node) -> _Roi:
    def given(name: str, default: Any) -> Any:
        value = node.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    return _Roi(
        given("output_height", 1),
        given("output_width", 1),
        given("sampling_ratio", 0),
        given("spatial_scale", 1.0),
        given("coordinate_transformation_mode", "half_pixel") == "half_pixel",
        given("mode", "avg") == "max",
    )


def _pooled(
    how: _Roi, wide: str, data: te.Tensor, boxes: te.Tensor, images: te.Tensor
) -> te.Tensor:
    height, width = data.shape[2], data.shape[3]
    shape = (boxes.shape[0], data.shape[1], how.height, how.width)
    one = tirx.const(1, "int32")

    def side(i: tirx.Var, axis: int) -> tuple[tirx.Expr, tirx.Expr, tirx.Expr]:
        """Where a region starts, how large its bins are, how many samples a bin has."""
        bins = how.height if axis else how.width
        shift = tirx.const(0.5 if how.half_pixel else 0, wide)
        scale = tirx.const(how.scale, wide)
        start, end = (boxes[i, k].astype(wide) * scale - shift for k in (axis, axis + 2))
        extent = end - start
        if not how.half_pixel:
            extent = te.max(extent, tirx.const(1, wide))
        size = extent / tirx.const(bins, wide)
        if how.ratio > 0:
            return start, size, tirx.const(how.ratio, "int32")
        return start, size, te.max(tirx.ceil(size).astype("int32"), tirx.const(0, "int32"))

    def combined(i: tirx.Var, c: tirx.Var, p: tirx.Var, q: tirx.Var) -> tirx.Expr:
        (y, high, rows), (x, broad, columns) = side(i, 1), side(i, 0)
        # A loop of no steps would not even write a zero.
        down, right = (te.reduce_axis((0, te.max(n, one)), "sample") for n in (rows, columns))
        y = _place(y, high, p, down.var, rows, wide)
        x = _place(x, broad, q, right.var, columns, wide)
        far = tirx.any(y < -1.0, x < -1.0, y > height.astype(wide), x > width.astype(wide))
        image = images[i].astype("int32")
        around = corners(
            lambda row, column: data[image, c, row, column],
            (height, width),
            _kept(y, height, wide),
            _kept(x, width, wide),
            wide,
            outside=False,
        )
        value = reduce(te.max if how.highest else lambda a, b: a + b, around)
        value = tirx.Select(far, tirx.const(0, wide), value)
        return (te.max if how.highest else te.sum)(value, axis=[down, right])

    bins = te.compute(shape, combined, name="roi_bins")

    def finished(i: tirx.Var, *at: tirx.Var) -> tirx.Expr:
        count = side(i, 1)[2] * side(i, 0)[2]
        value = bins(i, *at)
        if not how.highest:
            value = value / te.max(count, one).astype(wide)
        return tirx.Select(count > 0, value, tirx.const(0, wide))

    return te.compute(shape, finished, name="roi_align")


def _place(
    start: tirx.Expr,
    size: tirx.Expr,
    bin_: tirx.Var,
    sample: tirx.Var,
    samples: tirx.Expr,
    dtype: str,
) -> tirx.Expr:
    part = (sample.astype(dtype) + tirx.const(0.5, dtype)) * size / samples.astype(dtype)
    return start + bin_.astype(dtype) * size + part


def _kept(place: tirx.Expr, size: tirx.Expr, dtype: str) -> tirx.Expr:
    """Within the image."""
    return te.min(te.max(place, tirx.const(0, dtype)), (size - 1).astype(dtype))
