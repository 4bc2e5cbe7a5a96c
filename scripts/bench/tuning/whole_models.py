"""Searches of a whole model, its cost in shares of what its kernels take untuned."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts import fetch_models, model_list
from scripts.bench.tuning.cells import OURS, STOCK, Cell, Curve
from scripts.model_import import imported
from tvmedge.records.store import open_store
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.wall_time import WallTime
from tvmedge.tuning.events import Event, Tried
from tvmedge.tuning.search import Strategy
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.standing import Standing
from tvmedge.tuning.stock import compare
from tvmedge.tuning.tasks import Tasks, tasks_of

CHECKPOINTS = (16, 32, 64, 128, 256)


def search_model(cell: Cell, model: str, spec: TargetSpec) -> Curve:
    """One search."""
    entry = model_list.find(model)
    module = imported(entry, fetch_models.fetch(entry)).module
    tasks = tasks_of(module, spec, WallTime.name)
    if cell.contestant == STOCK:
        return _stock(cell, tasks, spec)
    strategy = Strategy.EVOLUTION if cell.contestant == OURS else Strategy.RANDOM
    standing = Standing()
    best: list[float | None] = []
    seconds: list[float] = []

    def listen(event: Event) -> None:
        standing(event)
        if isinstance(event, Tried):
            known = standing.curve and standing.untuned
            best.append(standing.best / standing.untuned if known else None)
            seconds.append(event.seconds)

    how = How(seed=cell.seed, strategy=strategy, limits=Limits(cell.trials, threshold=0.0))
    with (
        tempfile.TemporaryDirectory(prefix="tvmedge-bench-") as folder,
        open_store(str(Path(folder) / "records.db"), create=True) as store,
        WallTime() as source,
    ):
        result = Session((model, tasks), spec, source, store, how, listen).run()
    reached = {
        str(n): cost
        for n in CHECKPOINTS
        if n < min(cell.trials, len(best)) and (cost := best[n - 1]) is not None
    }
    # Winners measured again, other algorithms among them.
    return Curve(best, seconds, reached | {str(cell.trials): result.best / result.untuned})


def _stock(cell: Cell, tasks: Tasks, spec: TargetSpec) -> Curve:
    """MetaSchedule's best kernels in place of ours, which stay where it has none or was given no
    trials: it searches the dearest kernels first."""
    with WallTime() as source:
        rows = list(compare(tasks.tasks, spec, source, cell.trials, cell.seed))
    untuned = sum(row.untuned * row.task.calls for row in rows)
    found = sum((row.stock or row.untuned) * row.task.calls for row in rows)
    return Curve([], [], {str(cell.trials): found / untuned} if untuned else {})
