"""What other targets and shapes taught, as a start for a search: what a store holds of them, and
what the session at hand has found so far.

The same kernel on a sibling target comes first, then kernels that the same rule scheduled: a
decision that fits both means the same for both, so the nearest shapes are those whose best
decisions fit a kernel with the least change. Costs of two kernels say nothing of each other,
so each kernel's are taken relative to its best.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from tvmedge.records.store import Store, Wanted
from tvmedge.records.types import Key, Record, Status
from tvmedge.tuning.space import Candidate, Space

SEEDS = 8
"""Candidates that others' best become, at most."""

_BEST = 3  # of a kernel: the very best may owe its place to its own shape
_KERNELS = 12  # the nearest of other shapes
_NEAR = 4 * _KERNELS  # by a glance: how far others are takes a run of a rule for each
_ROWS = 2000  # that the cost model learns from


@dataclass(frozen=True)
class Learnt:
    """A candidate that was tried elsewhere: comparable with others of its ``group``."""

    group: str
    candidate: Candidate
    cost: float | None


@dataclass(frozen=True)
class History:
    """``seeds`` are candidates of the kernel at hand, the most promising first; ``rows`` what
    was tried on it elsewhere and on kernels near it."""

    seeds: tuple[Candidate, ...] = ()
    rows: tuple[Learnt, ...] = ()


NOTHING = History()


@dataclass(frozen=True)
class _Group:
    """What was tried on one kernel of one target, by one cost."""

    key: Key
    records: tuple[Record, ...] = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.key.workload} {self.key.target} {self.key.cost}"

    def best(self, rules: Set[str]) -> list[Candidate]:
        """The cheapest by any of ``rules``."""
        right = [r for r in self.records if r.cost is not None and r.rule in rules]
        return [Candidate(r.rule, r.decisions) for r in sorted(right, key=_cost)[:_BEST]]


class Past:
    """What is known before a kernel's search begins."""

    def __init__(self, before: Iterable[Record] = ()) -> None:
        self._stored: dict[Key, list[Record]] = {}
        self._session: dict[Key, list[Record]] = {}
        for record in before:
            _add(self._stored, record)

    @classmethod
    def stored(cls, store: Store, keys: Iterable[Key], seed: int) -> Past:
        """What ``store`` holds, apart from what a session of ``keys`` and ``seed`` put there
        itself: one that is resumed must find what it found."""
        own = set(keys)
        return cls(one for one in store.find(Wanted()) if one.key not in own or one.seed != seed)

    @property
    def candidates(self) -> int:
        """How many are from before the session."""
        return sum(map(len, self._stored.values()))

    def note(self, record: Record) -> None:
        """What the session found. One that is resumed finds the same in the same order."""
        _add(self._session, record)

    def of(self, key: Key, space: Space) -> History:
        """What is known for the kernel of ``key``, whose candidates are in ``space``, of others."""
        rules = {candidate.rule for candidate in space.defaults}
        session = ((k, records) for k, records in self._session.items() if k != key)
        groups = [_Group(k, tuple(rs)) for k, rs in (*self._stored.items(), *session)]
        known = [group for group in groups if group.best(rules)]
        same = [group for group in known if group.key.workload == key.workload]
        same.sort(key=lambda group: (group.key.target != key.target, group.name))
        others = [group for group in known if group.key.workload != key.workload]
        others = sorted(others, key=lambda group: (_unlike(group, space, rules), group.name))[
            :_NEAR
        ]
        places = {group.name: _distance(group, space, rules) for group in others}
        others.sort(key=lambda group: (places[group.name], group.key.cost != key.cost, group.name))
        near = [*same, *others[:_KERNELS]]
        rows = [
            Learnt(group.name, Candidate(record.rule, record.decisions), record.cost)
            for group in near
            for record in group.records
            if record.rule in rules
        ]
        return History(_seeds(near, space, rules), tuple(rows[:_ROWS]))


def _add(groups: dict[Key, list[Record]], record: Record) -> None:
    if record.status is not Status.WRONG:
        groups.setdefault(record.key, []).append(record)


def _seeds(groups: Sequence[_Group], space: Space, rules: Set[str]) -> tuple[Candidate, ...]:
    """The best of every group, then the second of every group, and so on."""
    bests = [group.best(rules) for group in groups]
    found: dict[Candidate, None] = {}
    for turn in range(_BEST):
        for best in bests:
            candidate = space.like(best[turn]) if turn < len(best) else None
            if candidate is not None and candidate not in space.defaults:
                found[candidate] = None
    return tuple(found)[:SEEDS]


def _unlike(group: _Group, space: Space, rules: Set[str]) -> int:
    """How many decisions of the group's best differ from the untuned ones here."""
    own = {decision for candidate in space.defaults for decision in candidate.decisions}
    return min(len(set(candidate.decisions) - own) for candidate in group.best(rules))


def _distance(group: _Group, space: Space, rules: Set[str]) -> float:
    """Of the group's best decisions, the share that the kernel at hand does not take."""
    changed = asked = 0
    for candidate in group.best(rules):
        like = space.like(candidate)
        if like is None:
            return math.inf
        asked += len(candidate.decisions) + len(like.decisions)
        changed += len(set(candidate.decisions) ^ set(like.decisions))
    return changed / asked if asked else 0.0


def _cost(record: Record) -> float:
    assert record.cost is not None
    return record.cost
