"""Which candidates of one kernel to try next."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from tvmedge.tuning.model import CostModel, Features
from tvmedge.tuning.space import Candidate, Space
from tvmedge.tuning.transfer import NOTHING, History

_PARENTS = 12
_POOL = 4  # candidates made for each that is tried
_ATTEMPTS = 3  # for each candidate of the pool: many come out as ones that were tried
_AT_RANDOM = 0.15  # of what is tried, whatever the model says
_FIRST = 16  # measured ones before the model is asked
_DRAWN_FIRST, _DRAWN = 0.6, 0.2  # of what is made, from anywhere in the space, then and later
_CROSSED = 0.85  # what is made above it is of two parents
_FOREIGN = 0.2  # of the weight of a row of the kernel's own: one of another kernel or target
_MUCH_SLOWER = 1.5  # a rule so far behind the best is not searched


class Strategy(str, Enum):
    """``EVOLUTION`` varies the best candidates, the cost model choosing; ``RANDOM`` draws."""

    EVOLUTION = "evolution"
    RANDOM = "random"


@dataclass(frozen=True)
class Tried:
    """A candidate and its cost; None if it failed or is wrong."""

    candidate: Candidate
    cost: float | None


class Search:
    """Proposes, and is told. The same answers to the same seed give the same proposals."""

    def __init__(
        self,
        space: Space,
        seed: str,
        strategy: Strategy = Strategy.EVOLUTION,
        history: Callable[[], History] = lambda: NOTHING,
    ) -> None:
        """``history`` tells where an evolution begins, when it does: what other kernels and
        targets taught."""
        self._space = space
        self._chance = random.Random(seed)
        self._strategy = strategy
        self._model = CostModel(random.Random(seed).randrange(2**31))
        self._tell_history = history
        self._seen: set[Candidate] = set()
        self.tried: list[Tried] = []

    @cached_property
    def _history(self) -> History:
        return NOTHING if self._strategy is Strategy.RANDOM else self._tell_history()

    @property
    def best(self) -> Tried | None:
        """The cheapest so far."""
        right = [one for one in self.tried if one.cost is not None]
        return min(right, key=_cost, default=None)

    def first(self) -> list[Candidate]:
        """What compile takes where nothing is stored; nothing if no rule takes the kernel."""
        chosen = self._space.defaults[:1]
        self._seen.update(chosen)
        return chosen

    def propose(self, count: int) -> list[Candidate]:
        """Up to ``count`` candidates that were not proposed before; none when the space has no
        more, as far as chance tells."""
        seeds = [one for one in self._history.seeds if one not in self._seen][:count]
        self._seen.update(seeds)
        chosen = seeds + self._chosen(self._pool(count * _POOL), count - len(seeds))
        if not chosen or len(self.tried) > count:  # rules that take the kernel, too
            others = [one for one in self._space.defaults if one not in self._seen]
            chosen = (others + chosen)[:count]
        self._seen.update(chosen)
        return chosen

    def tell(self, candidate: Candidate, cost: float | None) -> None:
        """What became of a candidate."""
        self.tried.append(Tried(candidate, cost))

    def _pool(self, count: int) -> list[Candidate]:
        made: dict[Candidate, None] = {}
        for candidate in self._made(count * _ATTEMPTS):
            if candidate not in self._seen:
                made[candidate] = None
            if len(made) == count:
                break
        return list(made)

    def _made(self, attempts: int) -> Iterator[Candidate]:
        rules = self._rules()
        right = sorted((one for one in self.tried if one.cost is not None), key=_cost)
        parents = [one.candidate for one in right if one.candidate.rule in rules][:_PARENTS]
        evolve = self._strategy is Strategy.EVOLUTION and parents
        anywhere = _DRAWN_FIRST if len(self.tried) <= _FIRST else _DRAWN
        for _ in range(attempts):
            turn = self._chance.random()
            if not evolve or turn < anywhere:
                made = self._space.drawn(self._chance.choice(rules), self._chance)
            elif turn < _CROSSED:
                at = min(self._chance.randrange(len(parents)) for _ in range(2))
                made = self._space.changed(parents[at], self._chance)
            else:
                one, other = self._chance.choices(parents, k=2)
                made = self._space.crossed(one, other, self._chance)
            if made is not None:
                yield made

    def _rules(self) -> list[str]:
        """Those worth varying: how each is at its defaults tells."""
        if self.best is None:
            return [one.rule for one in self._space.defaults]
        costs: dict[str, float] = {}
        for one in self.tried:
            if one.cost is not None:
                rule = one.candidate.rule
                costs[rule] = min(one.cost, costs.get(rule, one.cost))
        least = _cost(self.best)
        return [rule for rule, cost in costs.items() if cost <= _MUCH_SLOWER * least]

    def _chosen(self, pool: list[Candidate], count: int) -> list[Candidate]:
        """The cheapest of ``pool`` by the model, some of them by chance."""
        learnt = self._history.rows
        if self._strategy is Strategy.RANDOM or len(self.tried) + len(learnt) < _FIRST:
            return pool[:count]
        rows = [(features(one.candidate), "", one.cost) for one in self.tried]
        rows += [(features(one.candidate), one.group, one.cost) for one in learnt]
        self._model.fit(rows, [1.0] * len(self.tried) + [_FOREIGN] * len(learnt))
        guesses = self._model.guess([features(candidate) for candidate in pool])
        ranked = [pool[at] for at in sorted(range(len(pool)), key=lambda at: (guesses[at], at))]
        chosen: list[Candidate] = []
        while ranked and len(chosen) < count:
            by_chance = self._chance.random() < _AT_RANDOM
            chosen.append(ranked.pop(self._chance.randrange(len(ranked)) if by_chance else 0))
        return chosen


def features(candidate: Candidate) -> Features:
    """What the model sees of a candidate."""
    return {"rule": candidate.rule, **dict(candidate.decisions)}


def _cost(one: Tried) -> float:
    assert one.cost is not None
    return one.cost
