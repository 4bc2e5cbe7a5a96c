"""The last rule: matches every kernel of blocks in plain loops.

before: for n, oc, oh, ow, ic, kh, kw: out[n, oc, oh, ow] += ...   (scalar sum)
after:  for n*oc*oh parallel:
            for ow: out[...] = 0
            for ic, kh, kw: for ow: out[...] += ...                (vector over ow)

The innermost output axis becomes the innermost loop wherever memory is then
read along it or not at all, which lets LLVM vectorise the sum; elementwise
chains become one loop (never inside a sum, which would repeat them, padding
among them); independent outer axes run in parallel.
"""

from __future__ import annotations

import tvm
from tvm import s_tir, tirx
from tvm.s_tir.dlight.analysis import SBlockInfo, normalize_prim_func
from tvmedge.schedules.steps.elementwise import costs, inline
from tvmedge.schedules.steps.loops import extent
from tvmedge.schedules.steps.registers import keep

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

MIN_INNER = 4


class Last:
    """Reorders reductions outwards and runs outer axes in parallel."""

    name = "last"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """A schedule of ``func``; None for opaque code such as extern calls."""
        schedule = s_tir.Schedule(func)
        blocks = normalize_prim_func(schedule)
        if blocks is None:
            return None
        knobs.settle()
        for block in blocks:
            if not inline(schedule, block.block_rv):
                _schedule_block(schedule, block, core)
        return Plan(schedule)


def _schedule_block(schedule: s_tir.Schedule, block: SBlockInfo, core: Core) -> None:
    loops = schedule.get_loops(block.block_rv)
    kinds = block.dom_kind()
    spatial = [loop for loop, kind in zip(loops, kinds, strict=True) if kind == "S"]
    reduced = [loop for loop, kind in zip(loops, kinds, strict=True) if kind == "R"]
    if len(spatial) + len(reduced) != len(loops) or not spatial:
        return
    inner = [spatial[-1]] if reduced and _streams(schedule, block, spatial[-1]) else []
    outer = spatial[: len(spatial) - len(inner)] if inner or reduced else spatial[:-1]
    inner = inner or ([] if reduced else [spatial[-1]])
    schedule.reorder(*outer, *reduced, *inner)
    if not reduced:
        _write_out_few(schedule, block, inner[0], core)
    # TVM proves a loop parallel only while init and update are one block.
    if outer:
        schedule.parallel(schedule.fuse(*outer))
    if reduced:
        schedule.decompose_reduction(block.block_rv, reduced[0])


def _write_out_few(
    schedule: s_tir.Schedule, block: SBlockInfo, loop: s_tir.schedule.LoopRV, core: Core
) -> None:
    """Not all of what a loop gathers from places far apart, which takes a register for each."""
    size = extent(schedule, loop)
    if not core.lane_operand or size is None or size % core.lanes:
        return
    if costs(schedule.get(block.block_rv).body) or _streams(schedule, block, loop):
        return
    outer, inner = schedule.split(loop, [None, core.lanes])
    schedule.unroll(inner)
    keep(schedule, outer, core)


def _streams(schedule: s_tir.Schedule, block: SBlockInfo, loop: s_tir.schedule.LoopRV) -> bool:
    """Whether every read moves along its last axis, or not at all, with ``loop``."""
    extent = schedule.get(loop).extent
    if isinstance(extent, tirx.IntImm) and int(extent) < MIN_INNER:
        return False
    body = schedule.get(block.block_rv)
    var = [i.var for i in block.iters if i.kind == "S"][-1]
    for read in body.reads:
        indices = [axis.min for axis in read.region]
        if any(_uses(index, var) for index in indices[:-1]):
            return False
    return True


def _uses(expr: tvm.ir.Expr, var: tirx.Var) -> bool:
    return any(used.same_as(var) for used in tirx.analysis.undefined_vars(expr))
