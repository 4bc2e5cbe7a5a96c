"""The rewrites of quantised operators, in order."""

from __future__ import annotations

from tvmedge.model.prepare.conv_integer import ConvInteger
from tvmedge.model.prepare.dynamic_quantize_linear import DynamicQuantizeLinear
from tvmedge.model.prepare.matmul_integer import MatMulInteger
from tvmedge.model.prepare.q_float8 import SmallFloats
from tvmedge.model.prepare.q_narrow_integers import NarrowIntegers
from tvmedge.model.prepare.qlinear_conv import QLinearConv
from tvmedge.model.prepare.qlinear_matmul import QLinearMatMul
from tvmedge.model.prepare.quantize_blocks import QuantizeBlocks
from tvmedge.model.prepare.quantize_precision import DequantizePrecision, QuantizePrecision

QUANTISED = (
    NarrowIntegers(),
    ConvInteger(),
    MatMulInteger(),
    QLinearConv(),
    QLinearMatMul(),
    DynamicQuantizeLinear(),
    QuantizeBlocks(),
    SmallFloats(),
    DequantizePrecision(),
    QuantizePrecision(),
)
