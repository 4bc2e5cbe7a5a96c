"""Whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar


class Waiting(Protocol):
    """Somebody in a queue; numbers grow with time."""

    @property
    def number(self) -> int:
        """When it came."""

    @property
    def client(self) -> str:
        """Whose it is."""

    @property
    def priority(self) -> int:
        """Higher is first."""


W = TypeVar("W", bound=Waiting)


def order(waiting: Iterable[W], turns: Mapping[str, int]) -> list[W]:
    """Who is next, and after that: the highest priority, in it client after client, the one first
    whose last turn (``turns``) was longest ago, and of one client who came first.

    >>> # of a: 1, 2, 3; of b: 4; of c: 5, which has had a turn -> 1, 4, 5, 2, 3
    """
    first = sorted(waiting, key=lambda one: one.number)
    rounds: dict[tuple[int, str], int] = {}
    keys = []
    for one in first:
        mine = (one.priority, one.client)
        rounds[mine] = rounds.get(mine, -1) + 1
        turn = turns.get(one.client, 0)
        keys.append((-one.priority, rounds[mine], turn, one.number))
    return [one for _, one in sorted(zip(keys, first, strict=True), key=lambda pair: pair[0])]
