"""The rewrites of ONNX's own operators, apart from quantisation, recurrence and control flow."""

from __future__ import annotations

from tvmedge.model.prepare.bit_shift import BitShift
from tvmedge.model.prepare.conv_transpose import ConvTranspose
from tvmedge.model.prepare.det import Det
from tvmedge.model.prepare.empty import EmptyReduction
from tvmedge.model.prepare.eye_like import EyeLike
from tvmedge.model.prepare.float_mod import FloatMod
from tvmedge.model.prepare.is_inf import IsInf
from tvmedge.model.prepare.log_sum_exp import LogSumExp
from tvmedge.model.prepare.lp_normalization import LpNormalization
from tvmedge.model.prepare.lrn import Lrn
from tvmedge.model.prepare.max_unpool import MaxUnpool
from tvmedge.model.prepare.mean_variance import MeanVarianceNormalization
from tvmedge.model.prepare.mish import Mish
from tvmedge.model.prepare.one_hot import OneHot
from tvmedge.model.prepare.pad_value import PadValue
from tvmedge.model.prepare.pool_indices import PoolIndices
from tvmedge.model.prepare.pools import Pools
from tvmedge.model.prepare.powers import Pow
from tvmedge.model.prepare.reduce_types import ReduceTypes
from tvmedge.model.prepare.relus import Relus
from tvmedge.model.prepare.resize import Resize
from tvmedge.model.prepare.reverse_sequence import ReverseSequence
from tvmedge.model.prepare.rewrite import NodeRewrite
from tvmedge.model.prepare.space_to_depth import SpaceToDepth
from tvmedge.model.prepare.split_empty import SplitEmpty
from tvmedge.model.prepare.tensor_scatter import TensorScatter
from tvmedge.model.prepare.top_k_types import TopKTypes
from tvmedge.model.prepare.variadic import Variadic

OPERATORS: tuple[NodeRewrite, ...] = (
    EmptyReduction(),
    BitShift(),
    ConvTranspose(),
    Det(),
    EyeLike(),
    FloatMod(),
    IsInf(),
    LogSumExp(),
    LpNormalization(),
    Lrn(),
    MaxUnpool(),
    MeanVarianceNormalization(),
    Mish(),
    OneHot(),
    PadValue(),
    PoolIndices(),
    Pools(),
    Pow(),
    ReduceTypes(),
    Relus(),
    Resize(),
    ReverseSequence(),
    SpaceToDepth(),
    SplitEmpty(),
    TensorScatter(),
    TopKTypes(),
    Variadic(),
)
