"""Finding and inlining the blocks of a kernel."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import s_tir
from tvmedge.schedules.steps.elementwise import spread

from tvmedge.scheduling.plan import KERNEL

Block = s_tir.schedule.SBlockRV


@dataclass(frozen=True)
class Anchored:
    """A kernel around one reduction: what pads its input, and what is done to its result.

    ``epilogue`` reads each sum once; it is a plain copy where the kernel has none.
    """

    pad: Block | None
    main: Block
    epilogue: Block


def find(schedule: s_tir.Schedule, *kinds: str) -> Block | None:
    """The block whose annotation ``KERNEL`` is one of ``kinds``."""
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        if schedule.get(block).annotations.get(KERNEL) in kinds:
            return block
    return None


def anchor(schedule: s_tir.Schedule, main: Block) -> Anchored:
    """Inline everything elementwise around ``main``.

    before: pad; main; add; maximum     after: pad; main; maximum(add)

    Where the result is broadcast (a channel's scale over its image), sums are
    copied first, so that none is formed twice.
    """
    blocks = schedule.get_child_blocks(schedule.get_sblock("root"))
    names = [schedule.get(block).name_hint for block in blocks]
    at = names.index(schedule.get(main).name_hint)
    pad = None
    for name, block in zip(names[:at], blocks[:at], strict=True):
        if name == "pad":
            pad = block
        else:
            schedule.compute_inline(block)
    after = blocks[at + 1 :]
    for block in after[:-1]:
        schedule.compute_inline(block)
    if after and _one_a_sum(schedule, main, after[-1]):
        return Anchored(pad, main, after[-1])
    copy = schedule.cache_write(main, 0, "global")
    if after:
        spread(schedule, after[-1])
    return Anchored(pad, main, copy)


def _one_a_sum(schedule: s_tir.Schedule, main: Block, epilogue: Block) -> bool:
    """Whether ``epilogue`` writes one value a sum, in the order of the sums (some of
    those at the end of an axis may be dropped)."""
    sums, values = _shape(schedule, main), _shape(schedule, epilogue)
    if len(values) == len(sums) - 1:  # the two axes of columns became one
        sums = [*sums[:-2], sums[-2] * sums[-1]]
    return len(sums) == len(values) and all(v <= s for v, s in zip(values, sums, strict=True))


def _shape(schedule: s_tir.Schedule, block: Block) -> list[int]:
    return [int(size) for size in schedule.get(block).writes[0].source.shape]
