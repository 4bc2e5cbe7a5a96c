"""The schedules of one kernel: whatever its rules make of answers to what they ask.

Nothing lists the space. A candidate is made by running a rule with knobs that answer at random,
or as another candidate did but for a change here and there; what its other answers then allow
is followed by itself.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tvm import tirx

from tvmedge.records.types import Decision, Decisions
from tvmedge.schedules.rules.choose import cpu_rules
from tvmedge.scheduling.engine import Rule
from tvmedge.scheduling.knobs import D, Defaults, Knobs, Tracing
from tvmedge.targeting.core import Core

_NEIGHBOUR = 0.6  # of changes go to the next larger or smaller option


@dataclass(frozen=True)
class Candidate:
    """A schedule: by ``rule``, with its knobs so."""

    rule: str
    decisions: Decisions


class Space:
    """The candidates of the unscheduled kernel ``func`` for ``core``."""

    def __init__(
        self, func: tirx.PrimFunc, core: Core, rules: Sequence[Rule] | None = None
    ) -> None:
        self._func = func
        self._core = core
        self._rules: dict[str, Rule] = {}
        self._questions: dict[tuple[str, Path], Question | None] = {}
        self.defaults: list[Candidate] = []
        """One of each rule that takes the kernel, as it is when nobody tunes; the first is
        what compile takes."""
        for rule in cpu_rules(core) if rules is None else rules:
            self._rules[rule.name] = rule
            traced = Tracing(Defaults())
            with contextlib.suppress(Exception):  # such a rule is passed over by compile, too
                if rule.apply(func, core, traced) is not None:
                    self.defaults.append(Candidate(rule.name, traced.decisions))

    def drawn(self, rule: str, chance: random.Random) -> Candidate | None:
        """Any candidate of ``rule``; None where the rule fails."""
        return self._made(rule, _Drawn(chance))

    def changed(self, parent: Candidate, chance: random.Random) -> Candidate | None:
        """``parent`` with one answer changed, or two."""
        if not parent.decisions:
            return None
        count = 1 if chance.random() < 0.6 else min(2, len(parent.decisions))
        names = {name for name, _ in chance.sample(parent.decisions, count)}
        return self._made(parent.rule, _Near(dict(parent.decisions), names, chance))

    def crossed(self, one: Candidate, other: Candidate, chance: random.Random) -> Candidate | None:
        """Some answers of ``one``, the rest of ``other``; None where their rules differ."""
        if one.rule != other.rule:
            return None
        mixed = dict(one.decisions)
        mixed.update((name, value) for name, value in other.decisions if chance.random() < 0.5)
        return self._made(one.rule, _Near(mixed, set(), chance))

    def like(self, other: Candidate) -> Candidate | None:
        """The candidate nearest to one of another kernel; None where its rule is not here."""
        if other.rule not in self._rules:
            return None
        return self._made(other.rule, _Near(dict(other.decisions), set(), random.Random(0)))

    def _made(self, rule: str, knobs: Knobs) -> Candidate | None:
        """The candidate of what ``knobs`` answer. Whether the rule can do all of it shows when
        it is built."""
        asking = _Asking(self._questions, rule, knobs)
        if asking.remembered():
            return Candidate(rule, asking.decisions)
        try:
            plan = self._rules[rule].apply(self._func, self._core, asking)
        except _SettledError:
            return Candidate(rule, asking.decisions)
        except Exception:  # what a rule cannot do is not in the space
            return None
        return None if plan is None else Candidate(rule, asking.decisions)


class _SettledError(Exception):
    """All questions are asked, and nothing else is wanted of the rule."""


Path: TypeAlias = tuple[Decision, ...]
Question: TypeAlias = tuple[str, Sequence[Any], Any]


class _Asking:
    """Lets ``inner`` answer a rule's questions, and ends the rule before it does anything else,
    which takes a tenth of the time. What was asked after which answers is remembered, so that
    the rule is not even run where it would ask nothing new; None: nothing more is asked."""

    def __init__(
        self, questions: dict[tuple[str, Path], Question | None], rule: str, inner: Knobs
    ) -> None:
        self._questions = questions
        self._rule = rule
        self._inner = inner
        self._known: list[Any] = []
        self._path: list[Any] = []
        self._asked: list[tuple[str, Decision]] = []

    @property
    def decisions(self) -> Decisions:
        """The answers where there was a choice."""
        return tuple(self._asked)

    def remembered(self) -> bool:
        """Answer what is known to be asked; whether that is all."""
        while (self._rule, tuple(self._path)) in self._questions:
            question = self._questions[self._rule, tuple(self._path)]
            if question is None:
                return True
            self._answer(*question)
        self._known, self._path, self._asked = self._path, [], []
        return False

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        """An answer, the same as before if the question was remembered."""
        self._questions[self._rule, tuple(self._path)] = name, tuple(options), default
        if len(self._path) < len(self._known):
            before: D = self._known[len(self._path)]
            return self._noted(name, options, before)
        return self._answer(name, options, default)

    def settle(self) -> None:
        """Ends the rule."""
        self._questions[self._rule, tuple(self._path)] = None
        raise _SettledError

    def _answer(self, name: str, options: Sequence[D], default: D) -> D:
        return self._noted(name, options, self._inner.pick(name, options, default))

    def _noted(self, name: str, options: Sequence[D], picked: D) -> D:
        self._path.append(picked)
        if len(options) > 1:
            self._asked.append((name, picked))
        return picked


class _Drawn:
    """Any answer."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        return self._chance.choice(options)

    def settle(self) -> None: ...


class _Near:
    """Stored answers but those of ``changed``; the nearest one where one does not fit."""

    def __init__(
        self, stored: Mapping[str, Decision], changed: set[str], chance: random.Random
    ) -> None:
        self._stored = stored
        self._changed = changed
        self._chance = chance

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        stored = self._stored.get(name)
        at = next((i for i, option in enumerate(options) if option == stored), None)
        if at is None:
            return default if stored is None else _nearest(stored, options, default)
        if name not in self._changed or len(options) < 2:
            return options[at]
        if self._chance.random() < _NEIGHBOUR:
            beside = [i for i in (at - 1, at + 1) if 0 <= i < len(options)]
            return options[self._chance.choice(beside)]
        return self._chance.choice([option for option in options if option != stored])

    def settle(self) -> None: ...


def _nearest(stored: Decision, options: Sequence[D], default: D) -> D:
    if isinstance(stored, str):
        return default
    distance: Callable[[D], float] = lambda option: abs(int(option) - int(stored))  # noqa: E731
    return min(options, key=distance)
