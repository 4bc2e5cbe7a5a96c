"""The rewrites of quantised operators, in order."""

from __future__ import annotations

from tvmedge.model.prepare.conv_integer import ConvInteger
from tvmedge.model.prepare.dynamic_quantize_linear import DynamicQuantizeLinear
from tvmedge.model.prepare.matmul_integer import MatMulInteger
from tvmedge.model.prepare.microsoft_dynamic_lstm import MicrosoftDynamicLSTM
from tvmedge.model.prepare.microsoft_dynamic_matmul import MicrosoftDynamicMatMul
from tvmedge.model.prepare.microsoft_qgemm import MicrosoftQGemm
from tvmedge.model.prepare.microsoft_qlinear import MicrosoftQLinear
from tvmedge.model.prepare.microsoft_standard import MicrosoftStandard
from tvmedge.model.prepare.q_float8 import SmallFloats
from tvmedge.model.prepare.q_narrow_integers import NarrowIntegers
from tvmedge.model.prepare.qlinear_conv import QLinearConv
from tvmedge.model.prepare.qlinear_matmul import QLinearMatMul
from tvmedge.model.prepare.quantize_blocks import QuantizeBlocks
from tvmedge.model.prepare.quantize_precision import DequantizePrecision, QuantizePrecision

QUANTISED = (
    NarrowIntegers(),
    MicrosoftStandard(),
    MicrosoftQLinear(),
    MicrosoftQGemm(),
    MicrosoftDynamicMatMul(),
    MicrosoftDynamicLSTM(),
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
