"""Kernels that were tuned get the schedules that records have of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tvm import tirx

from tvmedge.records.choose import choose
from tvmedge.records.sources import Source
from tvmedge.records.types import Record
from tvmedge.records.wire import line_of
from tvmedge.scheduling.engine import Choice, Tuned
from tvmedge.scheduling.workload import key_of
from tvmedge.targeting import TargetSpec


@dataclass(frozen=True)
class Applied:
    """The records that kernels are scheduled by, and why others' were ``refused``; both by
    the kernel's name."""

    records: Mapping[str, Record]
    refused: Mapping[str, str]

    @property
    def sha256(self) -> str | None:
        """The hash of the records, in order; None without any."""
        lines = sorted({line_of(record) for record in self.records.values()})
        return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else None


class Recorded:
    """A ``Recall``: asks ``sources`` in turn for kernels of ``spec``."""

    def __init__(self, sources: Sequence[Source], spec: TargetSpec) -> None:
        self._sources = sources
        self._spec = spec
        self._records: dict[str, Record] = {}
        self._refused: dict[str, str] = {}

    def __call__(self, kernel: str, func: tirx.PrimFunc) -> Tuned | None:
        """The best record of ``func``.

        Raises:
            InputError, ToolError: a store cannot be read.
        """
        if not self._sources:
            return None
        key = key_of(func, self._spec, cost="")
        refused: list[str] = []
        for source in self._sources:
            verdict = choose(source.about(key), key)
            if verdict.record is not None:
                self._records[kernel] = record = verdict.record
                return Tuned(record.rule, dict(record.decisions), record.schedule)
            refused += [verdict.refused] if verdict.refused else []
        if refused:
            self._refused[kernel] = refused[0]
        return None

    def applied(self, choices: Mapping[str, Choice]) -> Applied:
        """What became of the records, given how kernels were scheduled with them."""
        stale = {kernel: choice.refused for kernel, choice in choices.items() if choice.refused}
        tuned = {kernel: r for kernel, r in self._records.items() if kernel not in stale}
        return Applied(tuned, {**self._refused, **stale})
