"""Converters of single operators, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tvmedge.model.converters.arg_extremes import arg_extreme
from tvmedge.model.converters.bit_cast import bit_cast
from tvmedge.model.converters.cast import cast
from tvmedge.model.converters.conv import conv
from tvmedge.model.converters.cum_prod import cum_prod
from tvmedge.model.converters.deform_conv import deform_conv
from tvmedge.model.converters.gather import gather
from tvmedge.model.converters.gather_elements import gather_elements
from tvmedge.model.converters.nan_safe import clip, extreme, relu, sign
from tvmedge.model.converters.node import Converter
from tvmedge.model.converters.non_max_suppression import non_max_suppression
from tvmedge.model.converters.reshape import reshape
from tvmedge.model.converters.roi_align import roi_align

OPERATORS: Mapping[str, Converter] = {
    "ArgMax": arg_extreme,
    "ArgMin": arg_extreme,
    "BitCast": bit_cast,
    "Cast": cast,
    "Clip": clip,
    "Conv": conv,
    "CumProd": cum_prod,
    "DeformConv": deform_conv,
    "Gather": gather,
    "GatherElements": gather_elements,
    "Max": extreme,
    "Min": extreme,
    "NonMaxSuppression": non_max_suppression,
    "Relu": relu,
    "Reshape": reshape,
    "RoiAlign": roi_align,
    "Sign": sign,
}
