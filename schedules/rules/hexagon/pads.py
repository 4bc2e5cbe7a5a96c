"""Padded images of bytes, rows in whole vectors.

before: for n, c, h, w, i: y = x if inside else zero point
after:  for n * c: for h: vectors of w and i: y = zero point
                   for h inside: vectors of w and i inside: y = x
"""

from __future__ import annotations

from tvm import s_tir
from tvmedge.schedules.rules.hexagon.narrow import byte_vectors
from tvmedge.schedules.steps.blocks import Block


def pad_bytes(schedule: s_tir.Schedule, pad: Block) -> None:
    """The copy of planes [N, C / b, H, W, b]; nothing may be done to its readers after it."""
    *planes, h, _, _ = schedule.get_loops(pad)
    schedule.parallel(schedule.fuse(*planes))
    fill = schedule.decompose_padding(pad, h)
    for block in (fill, pad):
        byte_vectors(schedule, block, len(schedule.get_loops(block)) - 2)
