"""``tvmedge tune --space stock``: what TVM's own search finds, beside our untuned schedules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from tvmedge.errors import InputError
from tvmedge.targeting import Family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tvmedge.model.importer import ImportedModel
    from tvmedge.targeting import TargetSpec
    from tvmedge.tuning.costs.source import CostSource


class SpaceKind(str, Enum):
    """What ``--space`` takes."""

    OURS = "ours"
    STOCK = "stock"


@dataclass(frozen=True)
class StockSearch:
    """``trials`` of the whole model, and what chance begins with."""

    trials: int
    seed: int


def stock_rows(
    imported: ImportedModel, spec: TargetSpec, source: CostSource, search: StockSearch
) -> Iterator[dict[str, Any]]:
    """A row a kernel, as it becomes known.

    Raises:
        InputError: the target is not this machine.
    """
    if spec.family is not Family.HOST:
        raise InputError(
            f"--space stock searches for this machine only, not for {spec.name}: use -t host."
        )
    from tvmedge.tuning.stock import compare
    from tvmedge.tuning.tasks import tasks_of

    tasks = tasks_of(imported.module, spec, source.name).tasks
    for one in compare(tasks, spec, source, search.trials, search.seed):
        yield {
            "kernels": list(one.task.kernels),
            "calls": one.task.calls,
            "trials": one.trials,
            "untuned": one.untuned,
            "stock": one.stock,
        }


def stock_line(row: dict[str, Any], unit: str) -> str:
    """A row for people."""
    found = "nothing that runs" if row["stock"] is None else f"{row['stock']:.3g} {unit}"
    return (
        f"  {row['kernels'][0]}: untuned {row['untuned']:.3g} {unit}, MetaSchedule {found} in "
        f"{row['trials']} trials"
    )
