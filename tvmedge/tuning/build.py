"""A candidate becomes code. Everything here runs in a worker (workers.py), which keeps what it
has read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import tvm
from tvm import tirx

from tvmedge.compiler.pipelines import after_schedule, rules_of
from tvmedge.scheduling.engine import Tuned, apply_tuned
from tvmedge.scheduling.workload import hash_of
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.costs.candidate import BuiltCandidate, built
from tvmedge.tuning.costs.gpu_candidate import built_for_gpu
from tvmedge.tuning.space import Candidate

_KERNEL = "kernel"
_KEPT = 64


@dataclass(frozen=True)
class Job:
    """What to build: ``kernel`` is the unscheduled one (``as_text``)."""

    kernel: str
    spec: TargetSpec
    candidate: Candidate


@dataclass(frozen=True)
class Built:
    """Code, and the hash of the ``schedule`` that it was made of."""

    code: BuiltCandidate
    schedule: str


def as_text(func: tirx.PrimFunc) -> str:
    """A kernel as text that travels to a worker."""
    return str(tvm.ir.save_json(tvm.IRModule({_KERNEL: func})))


def build(job: Job) -> Built:
    """Schedule and compile a candidate, as compile would.

    Raises:
        StaleDecisionError: the rule does not take the decisions.
        CheckError: it is over the limits of the GPU.
        RuntimeCallError: the kernel needs TVM's runtime.
    """
    scheduled = scheduled_kernel(job)
    return Built(compiled(scheduled, job.spec, job.spec), hash_of(scheduled))


def scheduled_kernel(job: Job) -> tirx.PrimFunc:
    """The kernel as the candidate's rule schedules it."""
    tuned = Tuned(job.candidate.rule, dict(job.candidate.decisions))
    plan = apply_tuned(tuned, rules_of(job.spec), unscheduled(job.kernel), core_of(job.spec))
    return plan.schedule.mod["main"]


def compiled(scheduled: tirx.PrimFunc, spec: TargetSpec, machine: TargetSpec) -> BuiltCandidate:
    """A kernel scheduled for ``spec`` as code for ``machine``."""
    target = tvm.target.Target(machine.tvm_target)
    module = tvm.IRModule({_KERNEL: scheduled.with_attr("tirx.is_scheduled", True)})
    with target, tvm.transform.PassContext(opt_level=3):
        for step in after_schedule(core_of(spec)):
            module = step(module)
        if machine.accelerator is not None:
            return built_for_gpu(module[_KERNEL], machine)
        return built(module[_KERNEL], target)


@lru_cache(_KEPT)
def unscheduled(text: str) -> tirx.PrimFunc:
    """The kernel that ``as_text`` made text of."""
    return tvm.ir.load_json(text)[_KERNEL]
