"""A kernel in parts that a pool of threads runs one after the other.

before: kernel(x, y):  pad = alloc(); parallel i in 8: pad[i] = ..; parallel j in 6: y[j] = ..
after:  kernel_0(x, y, pad, begin, end):  for i from begin to end: pad[i] = ..    (of 8)
        kernel_1(x, y, pad, begin, end):  for j from begin to end: y[j] = ..      (of 6)

What is between parallel loops is a part for one thread. Memory that a loop allocates is each
task's own, and so a pointer of the task's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tvm import tirx
from tvm.ir.expr import TensorLoad
from tvm_ffi import structural_walk

from tvmedge.compiler.library.scratch import SCRATCH, Scratch, open_offsets, plain
from tvmedge.compiler.library.statements import rewritten

OWN = "tvmedge.own"
"""The attribute with the sizes in bytes of pointers that each task has its own of; they come
after those of ``SCRATCH``."""

EXTENT = "tvmedge.extent"
"""The attribute with the number of iterations of a part that takes the first and the end of those
it is to do; 0 where it takes neither."""


_DECLARATIONS = (tirx.AllocBuffer, tirx.DeclBuffer, tirx.Bind)


def parts(kernel: str, function: tirx.PrimFunc) -> list[tirx.PrimFunc]:
    """The parts of a kernel in their order; one, for one thread, where nothing is parallel."""
    steps = list(_flat(function.body))
    shared = Scratch(kernel)
    # ConvertSSA renames variables of offsets that parts share, and loses their buffers.
    whole = any(map(_keeps_a_value, steps)) or bool(open_offsets(function))
    if whole or not any(map(_is_parallel, steps)):
        body = rewritten(function.body, shared.rewrite)
        return [_part(function, [body], shared)]
    declared: list[tirx.Stmt] = [
        shared.taken(step) if isinstance(step, tirx.AllocBuffer) else step
        for step in steps
        if isinstance(step, _DECLARATIONS)
    ]
    made: list[tuple[list[tirx.Stmt], _Loop | None]] = []
    for step in (step for step in steps if not isinstance(step, _DECLARATIONS)):
        if _is_parallel(step):
            loop = _Loop(Scratch(kernel), int(step.extent))
            made.append(([_between(step, loop)], loop))
            continue
        if not made or made[-1][1]:
            made.append(([], None))
        made[-1][0].append(rewritten(step, shared.rewrite))
    return [_part(function, [*declared, *body], shared, loop) for body, loop in made]


def _flat(statement: tirx.Stmt) -> Iterator[tirx.Stmt]:
    if isinstance(statement, tirx.SeqStmt):
        for part in statement.seq:
            yield from _flat(part)
    else:
        yield statement


def _is_parallel(statement: tirx.Stmt) -> bool:
    return (
        isinstance(statement, tirx.For)
        and statement.kind == tirx.ForKind.PARALLEL
        and isinstance(statement.extent, tirx.IntImm)
    )


def _keeps_a_value(statement: tirx.Stmt) -> bool:
    """Whether a value read from memory is used by later parts, which may have changed it."""
    reads: list[TensorLoad] = []
    if isinstance(statement, tirx.Bind):
        structural_walk(statement.value, (TensorLoad, reads.append))
    return bool(reads)


@dataclass(frozen=True)
class _Loop:
    """A parallel loop that became a part: ``own`` memory of its tasks, its number of iterations,
    and the arguments that say which are to be done."""

    own: Scratch
    extent: int
    begin: tirx.Var = field(default_factory=lambda: tirx.Var("begin", "int32"))
    end: tirx.Var = field(default_factory=lambda: tirx.Var("end", "int32"))


def _between(loop: tirx.For, part: _Loop) -> tirx.For:
    """The iterations that the arguments ask for."""
    dtype = str(loop.loop_var.ty.dtype)
    begin, end = part.begin.astype(dtype), part.end.astype(dtype)
    body = rewritten(loop.body, part.own.rewrite)
    first = loop.min + begin
    return tirx.For(loop.loop_var, first, end - begin, tirx.ForKind.SERIAL, body, None, {})


def _part(
    function: tirx.PrimFunc, body: list[tirx.Stmt], shared: Scratch, loop: _Loop | None = None
) -> tirx.PrimFunc:
    own = loop.own if loop else Scratch(shared.kernel)
    others = [*shared.pointers, *own.pointers, *((loop.begin, loop.end) if loop else ())]
    made = plain(function, body, others)
    made = made.with_attr(SCRATCH, shared.sizes).with_attr(OWN, own.sizes)
    return made.with_attr(EXTENT, tirx.IntImm("int32", loop.extent if loop else 0))
