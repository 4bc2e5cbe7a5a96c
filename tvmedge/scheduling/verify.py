"""Does a schedule change results? Every scheduled kernel runs against its unscheduled form.

Both are built for this machine, whatever processor the rules had in mind: what is
verified is what a rule did to the loops, not the code generator of the target.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import tvm
from tvm import tirx

from tvmedge.errors import CheckError
from tvmedge.scheduling.arguments import TRIALS, Array, Guarded, Trial, arguments
from tvmedge.scheduling.engine import Scheduled
from tvmedge.scheduling.isolated import DiedError, isolated
from tvmedge.targeting import target
from tvmedge.tensors import max_normalised_error

log = logging.getLogger(__name__)

# Sums in another order differ: max-normalised, by dtype. Whole numbers do not.
TOLERANCES = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}
SECONDS = 300.0  # for one kernel; unscheduled ones are slow
FAST, PLAIN = "fast", "plain"


@dataclass(frozen=True)
class Verified:
    """``kernels`` of a module were compared, the worst of them off by ``error``;
    ``skipped`` says by name why others could not be."""

    kernels: int
    error: float
    skipped: dict[str, str]

    def __str__(self) -> str:
        text = f"verified {self.kernels} kernels on this machine, largest error {self.error:.1e}"
        names = "; ".join(f"{kernel}, as {why}" for kernel, why in sorted(self.skipped.items()))
        return f"{text}; not verified: {names}" if names else text


@dataclass(frozen=True)
class _Case:
    """A kernel and both its forms as functions of the libraries built."""

    kernel: str
    rule: str
    plain: tirx.PrimFunc
    fast: tirx.PrimFunc


def verify(before: tvm.IRModule, scheduled: Scheduled, *, seed: int = 0) -> Verified:
    """Compare every kernel that ``scheduled`` gave a schedule with its form in ``before``.

    Raises:
        CheckError: kernels that give other results, write outside of their buffers,
            crash or hang; each with its rule and error.
    """
    skipped: dict[str, str] = {}
    cases = []
    for kernel, choice in scheduled.choices.items():
        case = _Case(kernel, choice.rule, before[kernel], scheduled.module[kernel])
        try:
            arguments(case.plain, TRIALS[0], seed)
        except ValueError as error:
            skipped[kernel] = str(error)
        else:
            cases.append(case)
    worst, faults = 0.0, []
    waiting = cases
    while waiting:
        done = 0
        try:
            for off, fault in isolated(partial(_compare_all, waiting, seed), SECONDS):
                worst = max(worst, off)
                faults += [f"{_named(waiting[done])} {fault}"] if fault else []
                done += 1
        except DiedError as death:
            faults.append(f"{_named(waiting[done])} {death}")
            done += 1
        waiting = waiting[done:]
    if faults:
        raise CheckError("Schedules change results: " + "; ".join(faults) + ".")
    return Verified(len(cases), worst, skipped)


def _named(case: _Case) -> str:
    return f"kernel {case.kernel} (rule {case.rule})"


def _compare_all(cases: list[_Case], seed: int) -> Iterator[tuple[float, str]]:
    """The error of each case, and what is wrong with it, if anything."""
    for case in cases:
        log.debug("verifying %s", _named(case))
        yield _compare(case, seed)


def _compare(case: _Case, seed: int) -> tuple[float, str]:
    machine = tvm.target.Target(dict(target("host").tvm))
    functions = {PLAIN: case.plain, FAST: case.fast}
    module = {name: f.with_attr("global_symbol", name) for name, f in functions.items()}
    library = tvm.tirx.build(tvm.IRModule(module), machine)
    worst = 0.0
    for trial in TRIALS:
        results = {}
        given = arguments(case.plain, trial, seed)
        for form in (PLAIN, FAST):
            results[form] = tensors = [Guarded(a) if not isinstance(a, int) else a for a in given]
            library[form](*(t.tensor if isinstance(t, Guarded) else t for t in tensors))
        error, fault = judge(results[PLAIN], results[FAST], trial)
        worst = max(worst, error)
        if fault:
            return worst, fault
    return worst, ""


def judge(
    plain: Sequence[Guarded | int], fast: Sequence[Guarded | int], trial: Trial
) -> tuple[float, str]:
    """The largest error of arguments after a run beside those of a plain one, and what is wrong
    with them, if anything."""
    worst = 0.0
    for want, got in zip(plain, fast, strict=True):
        if isinstance(want, int) or isinstance(got, int):
            continue
        if not got.intact:
            return worst, "writes outside of its buffers"
        error = max_normalised_error(got.array, want.array)
        if error > _tolerance(want.array):
            return error, f"is off by {error:.1e} on {trial.name} inputs"
        worst = max(worst, error)
    return worst, ""


def _tolerance(array: Array) -> float:
    return TOLERANCES.get(array.dtype.name, 0.0)
