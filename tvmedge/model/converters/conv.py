"""Conv of half-precision numbers with sums in float32.

TVM sums in the type of the inputs, where every product is rounded to eleven
bits; onnxruntime sums in float32 and rounds once. Operands stay narrow.
"""

from __future__ import annotations

from tvm import relax
from tvm.relax.frontend.onnx import onnx_frontend

from tvmedge.model.converters.node import Node

_HALF = ("float16", "bfloat16")


def conv(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Conv(x, weight, bias); TVM's importer reads the attributes."""
    x, weight, bias = (*node.inputs, None)[:3]
    assert x is not None
    dtype = str(x.ty.dtype)
    if dtype not in _HALF:
        return _by_importer(bb, node, (x, weight, bias))
    narrow = _by_importer(bb, node, (x, weight))
    sums = bb.normalize(_with_wide_sums(narrow))
    if bias is not None:
        wide = bb.normalize(relax.op.astype(bias, "float32"))
        column = bb.normalize(relax.op.reshape(wide, [1, -1, *[1] * (x.ty.ndim - 2)]))
        sums = bb.normalize(relax.op.add(sums, column))
    return relax.op.astype(sums, dtype)


def _with_wide_sums(call: relax.Call) -> relax.Expr:
    """The same convolution with another output type."""
    ways = {
        "relax.nn.conv1d": relax.op.nn.conv1d,
        "relax.nn.conv2d": relax.op.nn.conv2d,
        "relax.nn.conv3d": relax.op.nn.conv3d,
    }
    how = call.attrs
    return ways[call.op.name](
        *call.args,
        strides=how.strides,
        padding=how.padding,
        dilation=how.dilation,
        groups=how.groups,
        data_layout=how.data_layout,
        kernel_layout=how.kernel_layout,
        out_dtype="float32",
    )


def _by_importer(
    bb: relax.BlockBuilder, node: Node, inputs: tuple[relax.Expr | None, ...]
) -> relax.Expr:
    convert = onnx_frontend.Conv.get_converter(node.opset)
    return convert(bb, onnx_frontend.onnx_input(inputs), dict(node.attributes), [{}, {}])
