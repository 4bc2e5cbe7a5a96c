"""A kernel in parts that a pool of threads runs one after the other.

before: kernel(x, y):  pad = alloc(); parallel i in 8: pad[i] = ..; parallel j in 6: y[j] = ..
after:  kernel_0(x, y, pad, task, tasks):  for i in this task's share of 8: pad[i] = ..
        kernel_1(x, y, pad, task, tasks):  for j in this task's share of 6: y[j] = ..

What is between parallel loops is a part for one thread. Memory that a loop allocates is each
task's own, and so a pointer of the task's.
"""

from __future__ import annotations

from collections.abc import Iterator

from tvm import tirx
from tvm_ffi import structural_map

from tvmedge.compiler.library.scratch import SCRATCH, Scratch, plain
from tvmedge.compiler.library.statements import rewritten

OWN = "tvmedge.own"
"""The attribute with the sizes in bytes of pointers that each task has its own of; they come
after those of ``SCRATCH``."""

PARALLEL = "tvmedge.parallel"
"""The attribute that says whether a part takes its task and the number of tasks at its end."""


def parts(kernel: str, function: tirx.PrimFunc) -> list[tirx.PrimFunc]:
    """The parts of a kernel in their order; one, for one thread, where nothing is parallel."""
    steps = list(_flat(function.body))
    shared = Scratch(kernel)
    if not any(map(_is_parallel, steps)) or any(map(_keeps_a_value, steps)):
        body = rewritten(function.body, shared.rewrite)
        return [_part(function, [body], shared, None, None)]
    declared: list[tirx.Stmt] = []
    made: list[tuple[list[tirx.Stmt], Scratch | None, tuple[tirx.Var, tirx.Var] | None]] = []
    for step in steps:
        if isinstance(step, tirx.AllocBuffer):
            declared.append(shared.taken(step))
        elif isinstance(step, tirx.DeclBuffer | tirx.Bind):
            declared.append(step)
        elif _is_parallel(step):
            own, tasks = Scratch(kernel), _tasks()
            made.append(([*declared, _share(step, own, *tasks)], own, tasks))
        else:
            made.append(([*declared, rewritten(step, shared.rewrite)], None, None))
    return [_part(function, body, shared, own, tasks) for body, own, tasks in made]


def _flat(statement: tirx.Stmt) -> Iterator[tirx.Stmt]:
    if isinstance(statement, tirx.SeqStmt):
        for part in statement.seq:
            yield from _flat(part)
    else:
        yield statement


def _is_parallel(statement: tirx.Stmt) -> bool:
    return isinstance(statement, tirx.For) and statement.kind == tirx.ForKind.PARALLEL


def _keeps_a_value(statement: tirx.Stmt) -> bool:
    """Whether a value read from memory is used by later parts, which may have changed it."""
    reads: list[tirx.BufferLoad] = []

    def look(load: tirx.BufferLoad) -> tirx.BufferLoad:
        reads.append(load)
        return load

    if isinstance(statement, tirx.Bind):
        structural_map(statement.value, (tirx.BufferLoad, look))
    return bool(reads)


def _tasks() -> tuple[tirx.Var, tirx.Var]:
    return tirx.Var("task", "int32"), tirx.Var("tasks", "int32")


def _share(loop: tirx.For, own: Scratch, task: tirx.Var, tasks: tirx.Var) -> tirx.For:
    """The iterations of one task: as many as the others have, or what is left."""
    dtype = str(loop.loop_var.ty.dtype)
    mine, all_tasks = task.astype(dtype), tasks.astype(dtype)
    zero, one = tirx.const(0, dtype), tirx.const(1, dtype)
    # Of what is not negative: floordiv would bind variables, and the same ones twice.
    chunk = tirx.truncdiv(loop.extent + all_tasks - one, all_tasks)
    count = tirx.max(zero, tirx.min(chunk, loop.extent - mine * chunk))
    body = rewritten(loop.body, own.rewrite)
    return tirx.For(
        loop.loop_var, loop.min + mine * chunk, count, tirx.ForKind.SERIAL, body, None, {}
    )


def _part(
    function: tirx.PrimFunc,
    body: list[tirx.Stmt],
    shared: Scratch,
    own: Scratch | None,
    tasks: tuple[tirx.Var, tirx.Var] | None,
) -> tirx.PrimFunc:
    others = [*shared.pointers, *(own.pointers if own else ()), *(tasks or ())]
    made = plain(function, body, others)
    made = made.with_attr(SCRATCH, shared.sizes).with_attr(OWN, own.sizes if own else [])
    return made.with_attr(PARALLEL, tirx.IntImm("int32", int(tasks is not None)))
