"""The runtimes compared, one a file."""

from __future__ import annotations

from scripts.bench.contestants.base import Contestant
from scripts.bench.contestants.iree import Iree
from scripts.bench.contestants.litert import LiteRt
from scripts.bench.contestants.ncnn import Ncnn
from scripts.bench.contestants.on_opencl import TvmEdgeOpenCl, UpstreamOpenCl
from scripts.bench.contestants.onnx_runtime import OnnxRuntime
from scripts.bench.contestants.open_vino import OpenVino
from scripts.bench.contestants.ours import TvmEdge, TvmEdgeTuned, TvmEdgeVm
from scripts.bench.contestants.sdk import TvmEdgeSdk
from scripts.bench.contestants.upstream_tvm import UpstreamTvm

_ALL: tuple[type[Contestant], ...] = (
    TvmEdge,
    TvmEdgeVm,
    TvmEdgeSdk,
    TvmEdgeTuned,
    OnnxRuntime,
    OpenVino,
    LiteRt,
    Ncnn,
    Iree,
    UpstreamTvm,
    TvmEdgeOpenCl,
    UpstreamOpenCl,
)
CONTESTANTS = {contestant.name: contestant for contestant in _ALL}
OURS = (TvmEdge.name, TvmEdgeVm.name, TvmEdgeSdk.name, TvmEdgeTuned.name)
ON_OPENCL = (TvmEdgeOpenCl.name, UpstreamOpenCl.name)
"""Ours and upstream's, which take no part on the CPU."""
