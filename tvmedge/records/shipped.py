"""The records that come with tvmedge: ``schedules/records/<target>.jsonl``."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tvmedge.records.lines import read_lines
from tvmedge.records.types import Key, Record


class Shipped:
    """A source of records that is asked last."""

    def about(self, key: Key) -> Sequence[Record]:
        """The shipped records of the workload of ``key`` for its target."""
        return _by_workload(key.target.partition(":")[0]).get(key.workload, ())


@cache
def _by_workload(target: str) -> Mapping[str, Sequence[Record]]:
    found: dict[str, list[Record]] = {}
    root = importlib.resources.files("tvmedge.schedules") / "records" / f"{target}.jsonl"
    if root.is_file():
        with importlib.resources.as_file(root) as file:
            for record in read_lines(Path(file)).records:
                found.setdefault(record.key.workload, []).append(record)
    return found
