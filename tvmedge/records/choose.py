"""Of everything stored about a kernel, the record to apply, or why none of it may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tvmedge.records.types import Key, Record, Status
from tvmedge.records.worth import worth

# Cost sources by the first word of their names: a clock before what is expected of code, that
# before what counts it and ranks schedules worse (scripts/results/rank_costs.json).
_TRUST = ("wall-time", "device-time", "packets", "cycles", "instructions", "gpu-model")


@dataclass(frozen=True)
class Verdict:
    """The ``record`` to apply, or why what is stored is ``refused``; neither where nothing is."""

    record: Record | None = None
    refused: str = ""


def choose(
    stored: Sequence[Record], key: Key, other_facts: Callable[[str], str] = lambda target: ""
) -> Verdict:
    """The best of ``stored``, which are all of one workload, for what ``key`` names.

    ``key.cost`` is not looked at: the most trusted source's best record is taken. A candidate
    that some source saw to be wrong is none. ``other_facts`` says what a target's key is of that
    has the name of ``key``'s and not its facts, if it can.
    """
    fitting = [record for record in stored if _fits(record.key, key)]
    wrong = {(r.rule, r.decisions) for r in fitting if r.status is Status.WRONG}
    measured = [r for r in fitting if r.status is Status.MEASURED]
    sound = [r for r in measured if (r.rule, r.decisions) not in wrong]
    if sound:
        source = min({r.key.cost for r in sound}, key=lambda cost: (_trust(cost), cost))
        return Verdict(worth(r for r in sound if r.key.cost == source))
    if fitting:
        return Verdict(refused="none of its candidates was measured and right")
    if stored:
        nearest = max((record.key for record in stored), key=lambda other: _likeness(other, key))
        return Verdict(refused=_mismatch(nearest, key, other_facts))
    return Verdict()


def _fits(stored: Key, key: Key) -> bool:
    return (stored.target, stored.pipeline, stored.toolchain) == (
        key.target,
        key.pipeline,
        key.toolchain,
    )


def _trust(cost: str) -> int:
    word = cost.split(" ", 1)[0]
    return _TRUST.index(word) if word in _TRUST else len(_TRUST)


def _name(target: str) -> str:
    return target.partition(":")[0]


def _likeness(stored: Key, key: Key) -> tuple[bool, bool, bool, bool, str]:
    return (
        _name(stored.target) == _name(key.target),
        stored.target == key.target,
        stored.pipeline == key.pipeline,
        stored.toolchain == key.toolchain,
        str(stored),
    )


def _mismatch(stored: Key, key: Key, other_facts: Callable[[str], str]) -> str:
    """The first thing in which a stored key differs."""
    if _name(stored.target) != _name(key.target):
        return f"recorded for {_name(stored.target)}"
    if stored.target != key.target:
        known = other_facts(stored.target)
        return f"recorded for {known or f'a {_name(key.target)} of other facts'}"
    if stored.pipeline != key.pipeline:
        return f"recorded under pipeline {stored.pipeline}, this is {key.pipeline}"
    return f"recorded with {stored.toolchain}, here are {key.toolchain}"
