"""Whose turn it is in a gateway's queue."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tvmedge.gateway.fair import order


@dataclass(frozen=True)
class One:
    number: int
    client: str
    priority: int = 0


def numbers(waiting: list[One], turns: dict[str, int] | None = None) -> list[int]:
    return [one.number for one in order(waiting, turns or {})]


def test_clients_take_turns() -> None:
    waiting = [One(1, "a"), One(2, "a"), One(3, "a"), One(4, "b"), One(5, "c")]
    assert numbers(waiting) == [1, 4, 5, 2, 3]
    assert numbers(waiting, {"a": 7}) == [4, 5, 1, 2, 3]
    assert numbers(waiting, {"c": 8, "a": 7}) == [4, 1, 5, 2, 3]


def test_a_higher_priority_is_first() -> None:
    assert numbers([One(1, "a"), One(2, "b", 3), One(3, "a", 3), One(4, "b")]) == [2, 3, 1, 4]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=20), st.randoms())
def test_it_is_an_order_in_which_nobody_passes_himself(asked: list[tuple[str, int]], r) -> None:  # type: ignore[no-untyped-def]
    waiting = [One(n, client, priority) for n, (client, priority) in enumerate(asked)]
    shuffled = list(waiting)
    r.shuffle(shuffled)
    found = order(shuffled, {"a": 3, "b": 1})
    assert sorted(found, key=lambda one: one.number) == waiting
    for one in waiting:
        mine = [x.number for x in found if (x.client, x.priority) == (one.client, one.priority)]
        assert mine == sorted(mine)
    # Everybody has a turn before anybody has the second.
    for priority in range(3):
        at = [x.client for x in found if x.priority == priority]
        assert len(set(at[: len(set(at))])) == len(set(at))
