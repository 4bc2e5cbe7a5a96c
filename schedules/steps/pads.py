"""Padded copies without a condition for each element."""

from __future__ import annotations

from tvm import s_tir
from tvmedge.schedules.steps.blocks import Block
from tvmedge.schedules.steps.loops import vectorize

from tvmedge.targeting.core import Core


def pad_in_vectors(schedule: s_tir.Schedule, pad: Block | None, core: Core) -> None:
    """The padded copy, if any, of a plane whose last axis is the lanes of a vector."""
    if pad is None:
        return
    if core.lane_operand:
        fill_and_copy(schedule, pad)
    else:
        vectorize(schedule, schedule.get_loops(pad)[-1], core.lanes)


def fill_and_copy(schedule: s_tir.Schedule, pad: Block) -> None:
    """The innermost three axes of ``pad`` (rows, columns, channels) in two turns.

    before: for h, w, i: out[h, w, i] = x[...] if inside else fill
    after:  for h * w * i: out[...] = fill
            for h inside: for w * i inside: out[...] = x[...]

    A few more stores and far fewer instructions; C compilers make memset and memcpy of these.
    Nothing may be done to readers of the image after it: it has two writers then.
    """
    fill = schedule.decompose_padding(pad, schedule.get_loops(pad)[-3])
    schedule.fuse(*schedule.get_loops(fill)[-3:])
    schedule.fuse(*schedule.get_loops(pad)[-2:])
