"""Records as a database of TVM's MetaSchedule, which its tools read.

before: records of ours: a rule and its decisions, without the kernel
after:  FOLDER/database_workload.json        unscheduled kernels
        FOLDER/database_tuning_record.json   for each the trace of a schedule, target and seconds

Rules schedule through TVM's primitives, so a schedule's trace is all of it: it is replayed before
it is written, and left out where it gives another kernel.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tvm
from tvm import s_tir, tirx
from tvm.s_tir import meta_schedule as ms

from tvmedge.compiler.pipelines import rules_of
from tvmedge.errors import InputError, ToolError
from tvmedge.records.store import Store, Wanted
from tvmedge.records.types import Record, Status
from tvmedge.resources import atomic_path, disk_errors
from tvmedge.scheduling.engine import Rule, Tuned, apply_tuned
from tvmedge.scheduling.knobs import StaleDecisionError
from tvmedge.scheduling.workload import hash_of
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import Core, core_of
from tvmedge.tuning.tasks import Task, Tasks

FILES = ("database_workload.json", "database_tuning_record.json")
_SECONDS = "s"


@dataclass(frozen=True)
class Written:
    """``schedules`` of ``kernels`` are in the database; ``left_out`` says why others are not, by
    kernel."""

    kernels: int
    schedules: int
    left_out: dict[str, str]


def write_database(
    tasks: Tasks, spec: TargetSpec, store: Store, folder: Path, *, most: int
) -> Written:
    """Write the ``most`` fastest schedules that ``store`` has of each task for ``spec``, in
    ``folder``, whose database is replaced.

    Raises:
        InputError: there is none that applies.
        ToolError: the store cannot be read, or the disk is full.
    """
    core, rules, left_out = core_of(spec), rules_of(spec), dict[str, str]()
    kernels = schedules = 0
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".database-", dir=folder)
    with temporary as name, disk_errors(folder):
        database = ms.database.JSONDatabase(work_dir=name)
        for task in tasks.tasks:
            found = _fastest(store, task, spec, most)
            try:
                told = [(one, _trace(one, task.func, rules, core)) for one in found]
            except StaleDecisionError as error:
                left_out[task.kernels[0]] = str(error)
                continue
            for record, trace in told:
                _add(database, task.func, spec, record, trace)
            kernels, schedules = kernels + bool(told), schedules + len(told)
        if not schedules:
            raise _nothing(store, spec, left_out)
        _require_whole(Path(name), schedules)
        for file in FILES:
            with atomic_path(folder / file) as place:
                place.write_bytes((Path(name) / file).read_bytes())
    return Written(kernels, schedules, left_out)


def _fastest(store: Store, task: Task, spec: TargetSpec, most: int) -> Sequence[Record]:
    """Of what was timed, each candidate once: by whichever clock, as compile has it."""
    wanted = Wanted(task.key.workload, spec.name, status=Status.MEASURED)
    fitting = [
        record
        for record in store.find(wanted)
        if replace(record.key, cost=task.key.cost) == task.key and record.unit == _SECONDS
    ]
    return sorted(fitting, key=_cost)[:most]


def _trace(
    record: Record, func: tirx.PrimFunc, rules: Sequence[Rule], core: Core
) -> s_tir.schedule.Trace:
    """The schedule of ``record`` as TVM's primitives.

    Raises:
        StaleDecisionError: the record no longer applies, or its rule does more than they tell.
    """
    tuned = Tuned(record.rule, dict(record.decisions), record.schedule)
    made = apply_tuned(tuned, rules, func, core).schedule
    again = s_tir.Schedule(func)
    if made.trace is not None:
        made.trace.apply_to_schedule(again, remove_postproc=False)
    if hash_of(again.mod["main"]) != hash_of(made.mod["main"]):
        raise StaleDecisionError(f"rule {record.rule} does what no trace of TVM's tells")
    return made.trace


def _add(
    database: ms.Database,
    func: tirx.PrimFunc,
    spec: TargetSpec,
    record: Record,
    trace: s_tir.schedule.Trace,
) -> None:
    normalised = tvm.get_global_func("tvm.s_tir.meta_schedule.normalize_mod")(func)
    database.commit_tuning_record(
        ms.database.TuningRecord(
            trace,
            database.commit_workload(normalised),
            [_cost(record)],
            tvm.target.Target(spec.tvm_target),
            ms.arg_info.ArgInfo.from_prim_func(normalised["main"]),
        )
    )


def _nothing(store: Store, spec: TargetSpec, left_out: Mapping[str, str]) -> InputError:
    why = "".join(f" {kernel}: {reason}." for kernel, reason in left_out.items())
    return InputError(
        f"'{store.place}' has no schedule of this model's kernels that was timed for {spec.name} "
        f"and applies:{why or ' tune it with --cost time.'}"
    )


def _require_whole(folder: Path, schedules: int) -> None:
    """TVM does not say that a disk is full: read what it wrote."""
    try:
        found = len(ms.database.JSONDatabase(work_dir=str(folder), allow_missing=False))
    except Exception as error:
        raise _cut_off(folder) from error
    if found != schedules:
        raise _cut_off(folder)


def _cut_off(folder: Path) -> ToolError:
    return ToolError(
        f"TVM's database was cut off in '{folder.parent}': free some space on its disk, and try "
        "again."
    )


def _cost(record: Record) -> float:
    assert record.cost is not None
    return record.cost
