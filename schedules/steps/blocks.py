"""Finding and inlining the blocks of a kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import tvm
from tvm import s_tir, sym, tirx
from tvm_ffi import structural_walk
from tvmedge.schedules.steps.elementwise import inline, spread

from tvmedge.scheduling.plan import CUT, KERNEL

Block: TypeAlias = s_tir.schedule.SBlockRV
Size: TypeAlias = int | tvm.ir.Expr


@dataclass(frozen=True)
class Anchored:
    """A kernel around one reduction: what pads its input, and what is done to its result.

    ``epilogue`` reads each sum once; it is a plain copy where the kernel has none.
    """

    pad: Block | None
    main: Block
    epilogue: Block


def has(func: tirx.PrimFunc, *kinds: str) -> bool:
    """Whether ``find`` would find a block: asked of a kernel before a schedule of it is made, which
    takes thirty times as long."""
    found: list[s_tir.SBlock] = []
    structural_walk(func.body, (s_tir.SBlock, found.append))
    return any(block.annotations.get(KERNEL) in kinds for block in found)


def scheduled(func: tirx.PrimFunc, *kinds: str) -> tuple[s_tir.Schedule, Block] | None:
    """A schedule of a kernel and the block that ``find`` finds there, if there is one."""
    if not has(func, *kinds):
        return None
    schedule = s_tir.Schedule(func)
    main = find(schedule, *kinds)
    return None if main is None else (schedule, main)


def find(schedule: s_tir.Schedule, *kinds: str) -> Block | None:
    """The block whose annotation ``KERNEL`` is one of ``kinds``."""
    return next(iter(find_all(schedule, *kinds)), None)


def find_all(schedule: s_tir.Schedule, *kinds: str) -> list[Block]:
    """The blocks whose annotation ``KERNEL`` is one of ``kinds``."""
    found = blocks(schedule)
    return [block for block in found if schedule.get(block).annotations.get(KERNEL) in kinds]


def blocks(schedule: s_tir.Schedule) -> list[Block]:
    """The blocks of a kernel, in order."""
    return list(schedule.get_child_blocks(schedule.get_sblock("root")))


def shape(schedule: s_tir.Schedule, block: Block) -> list[int]:
    """The sizes of the tensor that ``block`` writes, which are static."""
    return [int(size) for size in _shape(schedule, block)]


def sizes(schedule: s_tir.Schedule, block: Block) -> list[Size]:
    """The sizes of the tensor that ``block`` writes, numbers where they are known."""
    found = _shape(schedule, block)
    return [int(size) if isinstance(size, tirx.IntImm) else size for size in found]


def anchor(
    schedule: s_tir.Schedule,
    main: Block,
    apart: Callable[[s_tir.Schedule, Block], None] = spread,
    beyond: Block | None = None,
) -> Anchored:
    """Inline everything elementwise around ``main``.

    before: pad; main; add; maximum     after: pad; main; maximum(add)

    Where the result is broadcast (a channel's scale over its image), sums are
    copied first, so that none is formed twice. Blocks that carry ``KERNEL`` are the
    rule's own affair; ``apart`` schedules others that cannot be inlined. ``beyond``, the last
    one, is left alone.
    """
    all_blocks = blocks(schedule)
    names = [schedule.get(block).name_hint for block in all_blocks]
    at = names.index(schedule.get(main).name_hint)
    pad = None
    for name, block in zip(names[:at], all_blocks[:at], strict=True):
        if name == "pad":
            pad = block
        elif KERNEL not in schedule.get(block).annotations and not inline(schedule, block):
            apart(schedule, block)
    after = all_blocks[at + 1 : None if beyond is None else -1]
    cut = next((block for block in after if CUT in schedule.get(block).annotations), None)
    whole = _shape(schedule, main if cut is None else cut)
    rest = [block for block in after if not inline(schedule, block)]
    if len(rest) == 1 and _one_a_sum(schedule, whole, rest[0]):
        return Anchored(pad, main, rest[0])
    copy = schedule.cache_write(main, 0, "global")
    for block in rest:
        apart(schedule, block)
    return Anchored(pad, main, copy)


def _one_a_sum(schedule: s_tir.Schedule, sums: list[tvm.ir.Expr], epilogue: Block) -> bool:
    """Whether ``epilogue`` writes one value each of sums of shape ``sums``, in their order
    (some of those at the end of an axis may be dropped, and axes may have become one)."""
    values = _shape(schedule, epilogue)
    if len(values) == len(sums) - 1:  # the two axes of columns became one
        sums = [*sums[:-2], sums[-2] * sums[-1]]
    elif len(values) == len(sums) - 2:  # rows of all phases, and columns of all
        sums = [*sums[:2], sums[2] * sums[3], sums[4] * sums[5], *sums[6:]]
    known = sym.Analyzer()
    return len(sums) == len(values) and all(
        known.can_prove(v <= s) for v, s in zip(values, sums, strict=True)
    )


def _shape(schedule: s_tir.Schedule, block: Block) -> list[tvm.ir.Expr]:
    return list(schedule.get(block).writes[0].source.shape)
