"""What there is to tune in a model: its kernels, as compile would schedule them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import tvm
from tvm import tirx
from tvm.s_tir.stmt import SBlockRealize
from tvm.tirx.buffer import BufferType

from tvmedge.compiler.passes.functions import called
from tvmedge.compiler.pipelines import run_phases, unscheduled_kernels
from tvmedge.model.failures import failures_named
from tvmedge.model.importer import import_model
from tvmedge.model.inputs import GivenInputs
from tvmedge.model.load import Model
from tvmedge.model.prepare.bind_values import bind_values
from tvmedge.records.types import Key
from tvmedge.scheduling.knobs import Defaults, Knobs, Tracing
from tvmedge.scheduling.workload import key_of, key_of_question
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.algorithms import Instead, Question, most_options, question_of
from tvmedge.tuning.costs.candidate import argument_of
from tvmedge.tuning.touched import touched
from tvmedge.types import Winograd


@dataclass(frozen=True)
class Task:
    """Kernels of one workload: ``func``, unscheduled, is the first of ``kernels``, and all of
    them are called ``calls`` times in a run of the model (those in a loop once). ``extra``: the
    untuned model has other kernels in their place."""

    key: Key
    kernels: tuple[str, ...]
    calls: int
    func: tirx.PrimFunc
    extra: bool = False


@dataclass(frozen=True)
class Tasks:
    """All that can be tuned, and why other kernels cannot, by their name; ``questions``: where an
    operator has several kernels, all of which are among the tasks. ``touched``: bytes that a run
    touches, None where only a run knows."""

    tasks: tuple[Task, ...]
    skipped: dict[str, str]
    questions: tuple[Question, ...] = ()
    touched: int | None = None

    def between(self, spec: TargetSpec) -> int:
        """Bytes that the model's kernels touch from one call of a kernel to the next, which its
        caches would have to hold: what a run touches (all tensors of all kernels, if that is not
        known), up to twice what the last level holds (the second, where no third is known), as
        more takes no more from it."""
        total = self.touched or sum(
            task.calls * sum(argument_of(one).nbytes for one in task.func.params)
            for task in self.tasks
            if not task.extra
        )
        third = max((c.l3_kib or 0 for c in spec.board.clusters.values()), default=0)
        return min(total, 2 * 1024 * (third or core_of(spec).l2_kib))


def tasks_of(
    module: tvm.IRModule, spec: TargetSpec, cost: str, winograd: Winograd = Winograd.F4
) -> Tasks:
    """The tasks of an imported model, measured by the cost source ``cost``.

    Raises:
        ToolError: there is no zig.
    """
    asked = Tracing(Defaults())
    kernels = _kernels(module, spec, winograd, asked)
    tasks, skipped = _found(kernels, spec, cost)
    questions = {
        str(one.name): {str(one.default): _asking(tasks, str(one.name))} for one in asked.asked
    }
    others: dict[Key, Task] = {}
    for place in range(most_options(asked.asked) - 1):
        instead = Instead(place)
        made, _ = _found(_kernels(module, spec, winograd, instead), spec, cost)
        for question, option in instead.picked.items():
            found = _asking(made, question)
            questions[question][option] = found
            others.update((task.key, task) for task in made if task.key in found)
    known = {task.key for task in tasks}
    more = [replace(task, extra=True) for key, task in others.items() if key not in known]
    defaults = {str(one.name): str(one.default) for one in asked.asked}
    return Tasks(
        (*tasks, *more),
        skipped,
        tuple(
            Question(text, key_of_question(text, spec, cost), defaults[text], options)
            for text, options in questions.items()
        ),
        touched(kernels),
    )


def tasks_of_model(
    model: Model,
    given: GivenInputs,
    spec: TargetSpec,
    cost: str,
    winograd: Winograd = Winograd.F4,
) -> Tasks:
    """The tasks of a model with its inputs as ``given``, as ``tasks_of``.

    Raises:
        InputError: inputs or nodes that cannot be compiled, all named.
        ToolError: there is no zig.
    """
    imported = import_model(bind_values(model, given.values), given.shapes)
    with failures_named(imported.model, f"tuned for {spec.name}"):
        return tasks_of(imported.module, spec, cost, winograd)


def _kernels(
    module: tvm.IRModule, spec: TargetSpec, winograd: Winograd, knobs: Knobs
) -> tvm.IRModule:
    with tvm.target.Target(spec.tvm_target), tvm.transform.PassContext(opt_level=3):
        return run_phases(unscheduled_kernels(core_of(spec), winograd, knobs), module)


def _asking(tasks: Iterable[Task], question: str) -> tuple[Key, ...]:
    return tuple(task.key for task in tasks if question_of(task.func) == question)


def _found(module: tvm.IRModule, spec: TargetSpec, cost: str) -> tuple[list[Task], dict[str, str]]:
    calls = called(module)
    skipped: dict[str, str] = {}
    groups: dict[Key, list[tuple[str, tirx.PrimFunc]]] = {}
    for variable, func in module.functions_items():
        name = str(variable.name_hint)
        if not isinstance(func, tirx.PrimFunc) or not calls[name]:
            continue
        if why := _untunable(func):
            skipped[name] = why
        else:
            groups.setdefault(key_of(func, spec, cost), []).append((name, func))
    tasks = [
        Task(
            key,
            tuple(name for name, _ in group),
            sum(calls[name] for name, _ in group),
            group[0][1],
        )
        for key, group in groups.items()
    ]
    return tasks, skipped


def _untunable(func: tirx.PrimFunc) -> str:
    if func.attrs.get("tirx.is_scheduled", False) or not isinstance(func.body, SBlockRealize):
        return "it is code of its own, not in blocks"
    for param in func.params:
        if not isinstance(param.ty, BufferType):
            return f"its parameter {param} is no tensor"
        if not all(isinstance(size, tirx.IntImm) for size in param.ty.shape):
            return "its sizes are open"
    return ""
