"""Kernels that were tuned get the schedules that records have of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from tvm import tirx

from tvmedge.records.choose import choose
from tvmedge.records.sources import Source
from tvmedge.records.types import Key, Record
from tvmedge.records.wire import line_of
from tvmedge.scheduling.engine import Choice, Tuned
from tvmedge.scheduling.knobs import ANSWER, D, Fixed, StaleDecisionError
from tvmedge.scheduling.workload import key_of, key_of_question, other_facts
from tvmedge.targeting import TargetSpec


@dataclass(frozen=True)
class Applied:
    """The records that kernels are scheduled by, and why others' were ``refused``; both by
    the kernel's name. ``answers``: those that chose among several kernels for an operator, by
    the question."""

    records: Mapping[str, Record]
    refused: Mapping[str, str]
    answers: Mapping[str, Record] = field(default_factory=dict)

    @property
    def sha256(self) -> str | None:
        """The hash of the records, in order; None without any."""
        all_of = [*self.records.values(), *self.answers.values()]
        lines = sorted({line_of(record) for record in all_of})
        return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else None


class Recorded:
    """A ``Recall`` and ``Knobs`` of the model: asks ``sources`` in turn for kernels of ``spec``,
    and which of several an operator is to have."""

    def __init__(self, sources: Sequence[Source], spec: TargetSpec) -> None:
        self._sources = sources
        self._spec = spec
        self._records: dict[str, Record] = {}
        self._other_facts = lru_cache(partial(other_facts, spec=spec))
        self._refused: dict[str, str] = {}
        self._answers: dict[str, Record] = {}

    def __call__(self, kernel: str, func: tirx.PrimFunc) -> Tuned | None:
        """The best record of ``func``.

        Raises:
            InputError, ToolError: a store cannot be read.
        """
        if not self._sources:
            return None
        record = self._best(kernel, key_of(func, self._spec, cost=""))
        if record is None:
            return None
        self._records[kernel] = record
        return Tuned(record.rule, dict(record.decisions), record.schedule)

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        """The answer that was measured to be the best.

        Raises:
            InputError, ToolError: a store cannot be read.
        """
        if not self._sources:
            return default
        record = self._best(name, key_of_question(name, self._spec, cost=""))
        if record is None:
            return default
        try:
            answer = Fixed(dict(record.decisions)).pick(ANSWER, options, default)
        except StaleDecisionError as error:
            self._refused[name] = str(error)
            return default
        self._answers[name] = record
        return answer

    def settle(self) -> None:
        """Nothing."""

    def _best(self, what: str, key: Key) -> Record | None:
        refused: list[str] = []
        for source in self._sources:
            verdict = choose(source.about(key), key, self._other_facts)
            if verdict.record is not None:
                return verdict.record
            refused += [verdict.refused] if verdict.refused else []
        if refused:
            self._refused[what] = refused[0]
        return None

    def applied(self, choices: Mapping[str, Choice]) -> Applied:
        """What became of the records, given how kernels were scheduled with them."""
        stale = {kernel: choice.refused for kernel, choice in choices.items() if choice.refused}
        tuned = {kernel: r for kernel, r in self._records.items() if kernel not in stale}
        return Applied(tuned, {**self._refused, **stale}, dict(self._answers))
