"""Finding and inlining the blocks of a kernel."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import s_tir

from tvmedge.scheduling.plan import KERNEL

Block = s_tir.schedule.SBlockRV


@dataclass(frozen=True)
class Anchored:
    """A kernel around one reduction: what pads its input, and what is done to its result.

    ``epilogue`` writes the output; it is a plain copy where the kernel has none.
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
    if after:
        return Anchored(pad, main, after[-1])
    # cache_write leaves the reduction in the cache and names the copy after it.
    copy = schedule.cache_write(main, 0, "global")
    return Anchored(pad, main, copy)
