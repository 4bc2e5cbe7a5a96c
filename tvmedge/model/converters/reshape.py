"""Reshape whose zeros are zeros (allowzero); TVM's importer takes them for unknown sizes."""

from __future__ import annotations

from tvm import ir, relax, te, tirx
from tvm.relax.frontend.onnx import onnx_frontend

from tvmedge.model.converters.node import Node


def reshape(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Reshape(x, shape, allowzero); all but tensors of no elements stay with the importer."""
    x, target = node.inputs
    assert x is not None
    if node.attributes.get("allowzero", 0) and isinstance(target, ir.GenericConst):
        sizes = [int(size) for size in target.value.numpy()]
        if 0 in sizes:
            if -1 in sizes:
                raise ValueError("beside a size of 0 the size given as -1 could be any")
            if all(isinstance(n, tirx.IntImm) and int(n) for n in x.ty.shape):
                raise ValueError("its target shape has no elements, its input has some")
            return bb.emit_te(_nothing, x, sizes, primfunc_name_hint="nothing")
    convert = onnx_frontend.Reshape.get_converter(node.opset)
    return convert(bb, onnx_frontend.onnx_input(node.inputs), dict(node.attributes), [{}, {}])


def _nothing(data: te.Tensor, sizes: list[int]) -> te.Tensor:
    """Relax's own reshape copies a size where it reads 0."""
    return te.compute(sizes, lambda *at: tirx.const(0, data.dtype), name="nothing")
