"""TVM 0.27's passes from a scheduled kernel to LLVM, the calling convention aside.

The one place that depends on TVM's list: tests/library/test_lower.py runs TVM's own pipeline
and compares, so a new TVM shows here. TVM's pipeline cannot be used as it is, because its
MakePackedAPI stands in the middle.
"""

from __future__ import annotations

from collections.abc import Callable

import tvm
from tvm import s_tir, tirx

from tvmedge.compiler.kernels.fixed_point import has_hvx
from tvmedge.compiler.library.hvx_gathers import HvxGathers
from tvmedge.compiler.library.hvx_stores import HvxStores
from tvmedge.compiler.library.plain_calls import PlainCalls
from tvmedge.compiler.passes.kept_loops import KeptLoops

Pass = Callable[[tvm.IRModule], tvm.IRModule]


COMMON = "tirx.CommonSubexprElim"  # makes variables of parts of indices


def kernel_passes() -> tuple[Pass, ...]:
    """What ``tvm.s_tir.pipeline.default_s_tir_pipeline`` does before its MakePackedAPI."""
    s, t = s_tir.transform, tirx.transform
    return (
        s.CanonicalizeLoop(),
        s.LowerCrossThreadReduction(),
        s.LowerInitBlock(),
        s.PlanAndUpdateBufferAllocationLocation(),
        s.ConvertBlocksToOpaque(),
        s.LiftThreadBinding(),
        s.ManifestSharedMemoryLocalStage(),
        s.CompactBufferAllocation(),
        s.LowerAutoCopy(),
        s.UnifyThreadBinding(),
        s.LowerMatchBuffer(),
        s.StmtSimplify(),
        s.InjectPermutedLayout(),
        s.AnnotateIrregularLoop(),
        s.InjectSoftwarePipeline(),
        s.TransformMmaBufferLayout(),
        s.LowerOpaqueBlock(),
        t.FlattenBuffer(),
        t.BF16ComputeLegalize(),
        t.NarrowDataType(32),
        s.LoopPartition(),
        t.VectorizeLoop(True),
        s.InjectVirtualThread(),
        s.InjectDoubleBuffer(),
        t.StorageRewrite(),
        s.HoistIfThenElse(),
        t.UnrollLoop(),
        s.RenormalizeSplitPattern(),
        t.StmtSimplify(),
        t.RemoveNoOp(),
        s.RewriteUnsafeSelect(),
        t.CommonSubexprElim(),
        t.FP8ComputeLegalize(),
        s.VerifyVTCMLimit(),
        s.LowerVtcmAlloc(),
        t.VerifyMemory(),
        t.AnnotateEntryFunc(),
        s.ThreadSync("shared"),
        s.ThreadSync("shared.dyn"),
        s.ThreadSync("warp"),
        s.InferFragment(),
        s.LowerThreadAllreduce(),
        s.MergeSharedMemoryAllocations(),
        t.SplitHostDevice(),
    )


def code_passes() -> tuple[Pass, ...]:
    """What TVM does after its MakePackedAPI, for the host."""
    t = tirx.transform
    return (
        t.FP8StorageLegalize(),
        t.BF16StorageLegalize(),
        t.LowerTVMBuiltin(),
        t.LowerIntrin(),
    )


def _named(step: Pass, name: str) -> bool:
    return isinstance(step, tvm.transform.Pass) and step.info.name == name


def lower(module: tvm.IRModule, target: tvm.target.Target, threads: int = 1) -> tvm.IRModule:
    """Scheduled kernels -> what LLVM's code generator takes, in C's calling convention."""
    module = tirx.transform.BindTarget(target.with_host(target))(module)
    steps: tuple[Pass, ...] = (*kernel_passes(), PlainCalls(threads), KeptLoops(), *code_passes())
    if has_hvx(target):
        before = next(at for at, step in enumerate(steps) if _named(step, COMMON))
        steps = (*steps[:before], HvxGathers(), *steps[before:], HvxStores())
    for step in steps:
        module = step(module)
    return module
