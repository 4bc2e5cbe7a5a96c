"""The rewrites of quantised operators, in order."""

from __future__ import annotations

from tvmedge.model.prepare.quantised.conv_integer import ConvInteger
from tvmedge.model.prepare.quantised.dynamic_quantize_linear import DynamicQuantizeLinear
from tvmedge.model.prepare.quantised.matmul_integer import MatMulInteger
from tvmedge.model.prepare.quantised.microsoft_dynamic_lstm import MicrosoftDynamicLSTM
from tvmedge.model.prepare.quantised.microsoft_dynamic_matmul import MicrosoftDynamicMatMul
from tvmedge.model.prepare.quantised.microsoft_qgemm import MicrosoftQGemm
from tvmedge.model.prepare.quantised.microsoft_qlinear import MicrosoftQLinear
from tvmedge.model.prepare.quantised.microsoft_standard import MicrosoftStandard
from tvmedge.model.prepare.quantised.q_float8 import SmallFloats
from tvmedge.model.prepare.quantised.q_narrow_integers import NarrowIntegers
from tvmedge.model.prepare.quantised.qlinear_conv import QLinearConv
from tvmedge.model.prepare.quantised.qlinear_matmul import QLinearMatMul
from tvmedge.model.prepare.quantised.quantize_blocks import QuantizeBlocks
from tvmedge.model.prepare.quantised.quantize_precision import (
    DequantizePrecision,
    QuantizePrecision,
)

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
