"""The rewrites of ONNX's own operators, apart from quantisation, recurrence and control flow."""

from __future__ import annotations

from tvmedge.model.prepare.operators.axes import Axes
from tvmedge.model.prepare.operators.batch_normalization import BatchNormalization
from tvmedge.model.prepare.operators.batch_statistics import BatchStatistics
from tvmedge.model.prepare.operators.bfloat16_cast import BFloat16Cast
from tvmedge.model.prepare.operators.bit_shift import BitShift
from tvmedge.model.prepare.operators.constant_where import ConstantWhere
from tvmedge.model.prepare.operators.conv_transpose import ConvTranspose
from tvmedge.model.prepare.operators.det import Det
from tvmedge.model.prepare.operators.dropout import Dropout
from tvmedge.model.prepare.operators.empty import EmptyReduction
from tvmedge.model.prepare.operators.equal_bool import EqualBool
from tvmedge.model.prepare.operators.eye_like import EyeLike
from tvmedge.model.prepare.operators.float_mod import FloatMod
from tvmedge.model.prepare.operators.is_inf import IsInf
from tvmedge.model.prepare.operators.log_sum_exp import LogSumExp
from tvmedge.model.prepare.operators.lp_normalization import LpNormalization
from tvmedge.model.prepare.operators.lrn import Lrn
from tvmedge.model.prepare.operators.max_unpool import MaxUnpool
from tvmedge.model.prepare.operators.mean_variance import MeanVarianceNormalization
from tvmedge.model.prepare.operators.mish import Mish
from tvmedge.model.prepare.operators.no_reduction import NoReduction
from tvmedge.model.prepare.operators.one_hot import OneHot
from tvmedge.model.prepare.operators.pad_value import PadValue
from tvmedge.model.prepare.operators.pool_indices import PoolIndices
from tvmedge.model.prepare.operators.pools import Pools
from tvmedge.model.prepare.operators.powers import Pow
from tvmedge.model.prepare.operators.reduce_types import ReduceTypes
from tvmedge.model.prepare.operators.relus import Relus
from tvmedge.model.prepare.operators.resize import Resize
from tvmedge.model.prepare.operators.reverse_sequence import ReverseSequence
from tvmedge.model.prepare.operators.softplus import Softplus
from tvmedge.model.prepare.operators.space_to_depth import SpaceToDepth
from tvmedge.model.prepare.operators.split_constant import SplitConstant
from tvmedge.model.prepare.operators.split_empty import SplitEmpty
from tvmedge.model.prepare.operators.tensor_scatter import TensorScatter
from tvmedge.model.prepare.operators.tf_idf import TfIdfVectorizer
from tvmedge.model.prepare.operators.top_k_types import TopKTypes
from tvmedge.model.prepare.operators.variadic import Variadic
from tvmedge.model.prepare.rewrite import NodeRewrite

OPERATORS: tuple[NodeRewrite, ...] = (
    EmptyReduction(),
    NoReduction(),
    BFloat16Cast(),
    Axes(),
    BatchNormalization(),
    BatchStatistics(),
    BitShift(),
    ConstantWhere(),
    ConvTranspose(),
    Det(),
    Dropout(),
    EqualBool(),
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
    Softplus(),
    SpaceToDepth(),
    SplitConstant(),
    SplitEmpty(),
    TensorScatter(),
    TfIdfVectorizer(),
    TopKTypes(),
    Variadic(),
)
