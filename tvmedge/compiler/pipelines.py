"""The whole lowering of a model, as lists that can be read on one page.

A phase is a name and its passes; the names are those of ``--dump-ir``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import relax
from tvm.relax import transform

from tvmedge.compiler.passes.blocked import BlockChannels, BlockIntegers
from tvmedge.compiler.passes.fixed_products import FixedProducts
from tvmedge.compiler.passes.fold_affine import FoldAffine
from tvmedge.compiler.passes.fold_constants import FoldConstants
from tvmedge.compiler.passes.fold_symmetric import FoldSymmetric
from tvmedge.compiler.passes.fold_views import FoldViews
from tvmedge.compiler.passes.guard_once import GuardOnce
from tvmedge.compiler.passes.in_place import InPlace
from tvmedge.compiler.passes.join_phases import JoinPhases
from tvmedge.compiler.passes.legalize import Legalize
from tvmedge.compiler.passes.narrow_halves import NarrowHalves
from tvmedge.compiler.passes.native_extremes import NativeExtremes
from tvmedge.compiler.passes.pack_dots import PackDots
from tvmedge.compiler.passes.pack_products import PackProducts
from tvmedge.compiler.passes.prefetch_weights import PrefetchWeights
from tvmedge.compiler.passes.quantised import StayInteger
from tvmedge.compiler.passes.reciprocals import Reciprocals
from tvmedge.compiler.passes.schedule_kernels import Explain, ScheduleKernels, Verify
from tvmedge.compiler.passes.share_tensors import ShareTensors
from tvmedge.compiler.passes.skip_padding import SkipPadding
from tvmedge.compiler.passes.small_serial import SmallSerial
from tvmedge.compiler.passes.store_half import OwnSums, StoreHalf
from tvmedge.compiler.passes.trust_private import TrustPrivate
from tvmedge.compiler.passes.whole_sums import WholeSums
from tvmedge.schedules.rules.choose import cpu_rules
from tvmedge.schedules.rules.mali import RULES as MALI_RULES
from tvmedge.scheduling.engine import Recall, Rule
from tvmedge.scheduling.knobs import Defaults, Knobs
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import Core, core_of
from tvmedge.types import Numerics, Precision, Winograd


def rules_of(spec: TargetSpec) -> Sequence[Rule]:
    """The rules that schedule a target's kernels."""
    rules: Sequence[Rule] = MALI_RULES
    return rules if spec.accelerator is not None else cpu_rules(core_of(spec))


Pass = Callable[[tvm.IRModule], tvm.IRModule]
Observer = Callable[[str, tvm.IRModule], None]


PLAIN_KERNELS = "fuse"
"""The phase after which kernels are all there and none is scheduled."""


@dataclass(frozen=True)
class Phase:
    """A named step of a pipeline."""

    name: str
    passes: tuple[Pass, ...]


def unscheduled_kernels(
    core: Core, winograd: Winograd = Winograd.F4, knobs: Knobs | None = None
) -> tuple[Phase, ...]:
    """Relax operators -> calls of TIR kernels in plain loops (host and arm_cpu); where there are
    several for an operator, ``knobs`` may choose."""
    return (
        Phase(
            "simplify",
            (
                transform.DecomposeOpsForInference(),
                transform.CanonicalizeBindings(),
                WholeSums(),
                StayInteger(core),
                FoldViews(),
                FoldConstants(),
                transform.DeadCodeElimination(),
            ),
        ),
        Phase(
            "layout",
            (
                BlockIntegers(core),
                FoldAffine(),
                Reciprocals(),
                JoinPhases(core),
                FoldSymmetric(core),
                BlockChannels(core, winograd, knobs or Defaults()),
                PackProducts(core, knobs or Defaults()),
                PackDots(core),
                FixedProducts(core),
                transform.DeadCodeElimination(),
            ),
        ),
        Phase("dispatch", (relax.backend.DispatchSampling(), relax.backend.DispatchSortScan())),
        Phase(
            "legalize",
            (
                Legalize(core),
                transform.AnnotateTIROpPattern(),
                FoldConstants(),
            ),
        ),
        Phase(
            PLAIN_KERNELS,
            (transform.FuseOps(), transform.FuseTIR(), transform.DeadCodeElimination()),
        ),
    )


def after_schedule(core: Core) -> tuple[Pass, ...]:
    """What is done to kernels once they are scheduled, each by itself."""
    if core.items:
        return (GuardOnce(),)
    return (SmallSerial(core), NativeExtremes(core), PrefetchWeights(), SkipPadding())


def cpu_kernels(
    core: Core,
    explain: Explain | None = None,
    verify: Verify | None = None,
    winograd: Winograd = Winograd.F4,
    recall: Recall | None = None,
    knobs: Knobs | None = None,
) -> tuple[Phase, ...]:
    """Relax operators -> calls of scheduled TIR kernels."""
    scheduled = ScheduleKernels(core, explain, verify, recall=recall)
    return (
        *unscheduled_kernels(core, winograd, knobs),
        Phase("schedule", (scheduled, *after_schedule(core))),
    )


def gpu_kernels(
    core: Core,
    explain: Explain | None = None,
    recall: Recall | None = None,
    numerics: Numerics | None = None,
    knobs: Knobs | None = None,
) -> tuple[Phase, ...]:
    """Relax operators -> calls of scheduled TIR kernels (mali): the layout of CPUs with vectors
    of four, since a work-item computes with those."""
    scheduled = ScheduleKernels(core, explain, None, MALI_RULES, recall)
    numerics = numerics or Numerics()
    plain = numerics.precision is Precision.FP32
    # What Winograd's transforms make does not survive being rounded to half precision.
    phases = unscheduled_kernels(core, numerics.winograd if plain else Winograd.OFF, knobs)
    schedule = Phase("schedule", (scheduled, *after_schedule(core)))
    if plain:
        return (*phases, schedule)
    # Conversions of arguments and results are kernels, too.
    narrow = NarrowHalves(sums=numerics.precision is Precision.FP16_SUMS)
    half = (StoreHalf(), ScheduleKernels(core, None, None, MALI_RULES), narrow)
    return (*phases, Phase("sums", (OwnSums(),)), schedule, Phase("precision", half))


def kernel_calls(*, in_place: bool = True) -> tuple[Phase, ...]:
    """Dataflow -> a line of kernel calls, each tensor allocated before it is written, or
    ``in_place`` of an argument that dies (not where kernels promise that none overlap)."""
    return (
        Phase(
            "calls",
            (
                transform.RewriteDataflowReshape(),
                transform.ToNonDataflow(),
                transform.RemovePurityChecking(),
                transform.CallTIRRewrite(),
                *((InPlace(),) if in_place else ()),
            ),
        ),
    )


def vm_lowering(*, in_place: bool = True) -> tuple[Phase, ...]:
    """Calls of kernels -> what TVM's Relax VM executes (every family)."""
    return (
        *kernel_calls(in_place=in_place),
        Phase(
            "memory",
            (
                transform.StaticPlanBlockMemory(),
                transform.LowerAllocTensor(),
                ShareTensors(),
                transform.KillAfterLastUse(),
            ),
        ),
        Phase(
            "vm",
            (
                transform.LowerRuntimeBuiltin(),
                transform.ComputePrimValue(),
                transform.VMShapeLower(),
                TrustPrivate(),
                transform.AttachGlobalSymbol(),
            ),
        ),
    )


def run_phases(
    phases: tuple[Phase, ...], module: tvm.IRModule, observe: Observer | None = None
) -> tvm.IRModule:
    """Apply ``phases`` in order, showing the module to ``observe`` after each."""
    for phase in phases:
        for step in phase.passes:
            module = step(module)
        if observe:
            observe(phase.name, module)
    return module


def as_tvm_pass(phases: Callable[[tvm.target.Target], tuple[Phase, ...]]) -> Any:
    """The phases for the current target as one TVM pass, for
    ``tvm.compile(relax_pipeline=...)``."""

    def pipeline(module: tvm.IRModule, context: Any) -> tvm.IRModule:
        return run_phases(phases(tvm.target.Target.current()), module)

    return tvm.transform.module_pass(pipeline, opt_level=0, name="tvmedge")
