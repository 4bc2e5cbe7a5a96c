"""Who searches: each gives the best cost after every trial, and when it had it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import tvm
from tvm import tirx

from scripts.bench.tuning import hot_kernels
from scripts.bench.tuning.cells import OURS, STOCK, Cell, Curve
from tvmedge.records.store import open_store
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.build import Job, as_text, build, compiled
from tvmedge.tuning.costs.source import CandidateError
from tvmedge.tuning.costs.wall_time import WallTime
from tvmedge.tuning.events import Event, Tried
from tvmedge.tuning.search import Strategy
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.space import Space
from tvmedge.tuning.stock import tune_stock
from tvmedge.tuning.tasks import Task, Tasks

CHECKPOINTS = (16, 32, 64, 128, 256)
_PATIENCE_S = 3600.0  # of MetaSchedule, whose long searches are stopped while others time


def search(cell: Cell, spec: TargetSpec) -> Curve:
    """One search of a hot kernel."""
    task = hot_kernels.task(cell.subject, spec, WallTime.name)
    if cell.contestant == STOCK:
        return _stock(cell, task, spec)
    strategy = Strategy.EVOLUTION if cell.contestant == OURS else Strategy.RANDOM
    tried: list[Tried] = []

    def listen(event: Event) -> None:
        if isinstance(event, Tried):
            tried.append(event)

    how = How(seed=cell.seed, strategy=strategy, limits=Limits(cell.trials, threshold=0.0))
    with (
        tempfile.TemporaryDirectory(prefix="tvmedge-bench-") as folder,
        open_store(str(Path(folder) / "records.db"), create=True) as store,
        WallTime() as source,
    ):
        Session(("bench", Tasks((task,), {})), spec, source, store, how, listen).run()
    best = [event.best for event in tried]
    untuned = best[0] if best else None
    reached = {
        str(n): cost / untuned
        for n in CHECKPOINTS
        if untuned and n <= cell.trials and (cost := best[min(n, len(best)) - 1]) is not None
    }
    return Curve(best, [event.seconds for event in tried], reached)


def _stock(cell: Cell, task: Task, spec: TargetSpec) -> Curve:
    given = hot_kernels.given_to_stock(cell.subject, task)
    found = tune_stock(given, spec, cell.trials, cell.seed, _PATIENCE_S)
    best: list[float | None] = []
    leaders: list[tirx.PrimFunc | None] = []
    for one in found:
        before, leader = (best[-1], leaders[-1]) if best else (None, None)
        leads = one.cost is not None and (before is None or one.cost < before)
        best.append(one.cost if leads else before)
        leaders.append(one.scheduled if leads else leader)
    reached = {
        str(n): leaders[min(n, len(leaders)) - 1]
        for n in CHECKPOINTS
        if n <= cell.trials and leaders
    }
    return Curve(best, [one.seconds for one in found], _measured(task, reached.items(), spec))


def _measured(
    task: Task, kernels: Iterable[tuple[str, tirx.PrimFunc | None]], spec: TargetSpec
) -> dict[str, float]:
    """Kernels in shares of the untuned one of ours, with which the source compares them."""
    found: dict[str, float] = {}
    first = Job(as_text(task.func), spec, Space(task.func, core_of(spec)).defaults[0])
    with WallTime() as source, tvm.target.Target(dict(spec.tvm)):
        untuned = source.measure(build(first).code).value
        for name, kernel in kernels:
            if kernel is None:
                continue
            try:
                code = compiled(kernel, spec, spec)
                found[name] = min(source.measure(code).value for _ in range(3)) / untuned
            except CandidateError:
                continue
    return found
