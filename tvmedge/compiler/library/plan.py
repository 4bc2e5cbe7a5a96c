"""Where in one workspace each buffer lies: offset packing of lifetimes.

before: a lives in calls 0 to 1, b in 1 to 2, c in 2 to 3
after:  a at 0, b at 4096, c at 0

Finding the least workspace is NP-hard; several greedy orders are tried, each placing a buffer
into the lowest gap that holds it, and the best is kept. The lower bound is the most that is
alive at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

ALIGNMENT = 128
"""Between buffers of a workspace: the longest vector of any target, which HVX needs at its own
multiples."""


def aligned(nbytes: int) -> int:
    """Bytes up to where the next buffer may begin."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Lifetime:
    """A buffer of ``nbytes`` in use from call ``first`` to call ``last``, both included."""

    nbytes: int
    first: int
    last: int

    @property
    def aligned(self) -> int:
        """Bytes up to where the next buffer may begin."""
        return aligned(self.nbytes)

    def meets(self, other: Lifetime) -> bool:
        """Whether both are in use at once."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Plan:
    """``offsets`` in bytes, in the order of the buffers; ``peak_call`` is where the lower
    bound, the most bytes alive at once, is reached."""

    offsets: tuple[int, ...]
    nbytes: int
    lower_bound: int
    peak_call: int


_Order = Callable[[Lifetime], tuple[int, ...]]
_ORDERS: tuple[_Order, ...] = (
    lambda b: (-b.nbytes, b.first),
    lambda b: (-b.nbytes, -b.last),
    lambda b: (b.first, -b.nbytes),
    lambda b: (-b.last, -b.nbytes),
    lambda b: (-(b.last - b.first), -b.nbytes),
    lambda b: (-b.nbytes * (b.last - b.first + 1), b.first),
)


def plan(buffers: Sequence[Lifetime]) -> Plan:
    """Offsets for ``buffers``, none of which overlaps another that is alive with it."""
    bound, peak = _most_alive(buffers)
    pressure = [_pressure(buffers, buffer) for buffer in buffers]
    orders = [sorted(range(len(buffers)), key=lambda i: key(buffers[i])) for key in _ORDERS]
    orders.append(sorted(range(len(buffers)), key=lambda i: (-pressure[i], -buffers[i].nbytes)))
    best: tuple[int, tuple[int, ...]] | None = None
    for order in orders:
        made = _improved(buffers, order, bound)
        if best is None or made[0] < best[0]:
            best = made
        if best[0] == bound:
            break
    assert best is not None
    for order in orders if best[0] > bound else ():
        best = min(best, _walked(buffers, order, bound), key=lambda made: made[0])
        if best[0] == bound:
            break
    return Plan(best[1], best[0], bound, peak)


_ROUNDS = 12


def _improved(
    buffers: Sequence[Lifetime], order: list[int], bound: int
) -> tuple[int, tuple[int, ...]]:
    """Place in this order, then again with what ends highest first, as long as that helps."""
    best = _place(buffers, order)
    for _ in range(_ROUNDS):
        if best[0] == bound:
            break
        tops = [offset + buffers[i].aligned for i, offset in enumerate(best[1])]
        highest = max(order, key=lambda i: tops[i])
        order = [highest, *(i for i in order if i != highest)]
        made = _place(buffers, order)
        if made[0] < best[0]:
            best = made
    return best


_PAIRS = 500_000
"""Pairs of buffers that a walk may look at: two hundred orders of fifty buffers."""


def _walked(
    buffers: Sequence[Lifetime], order: Sequence[int], bound: int
) -> tuple[int, tuple[int, ...]]:
    """Place in this order, then again with one buffer moved anywhere, as long as that does no
    harm: the same walk for the same buffers."""
    random, order = Random(0), list(order)
    best = _place(buffers, order)
    for _ in range(_PAIRS // len(order) ** 2):
        if best[0] == bound:
            break
        moved = list(order)
        moved.insert(random.randrange(len(order)), moved.pop(random.randrange(len(order))))
        made = _place(buffers, moved)
        if made[0] <= best[0]:
            best, order = made, moved
    return best


def _place(buffers: Sequence[Lifetime], order: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Each buffer in the lowest gap that holds it: the workspace's size, and the offsets."""
    offsets = [0] * len(buffers)
    placed: list[int] = []
    for index in order:
        buffer = buffers[index]
        taken = sorted(
            (offsets[other], offsets[other] + buffers[other].aligned)
            for other in placed
            if buffer.meets(buffers[other])
        )
        offset = 0
        for start, end in taken:
            if offset + buffer.aligned <= start:
                break
            offset = max(offset, end)
        offsets[index] = offset
        placed.append(index)
    size = max((offset + b.aligned for offset, b in zip(offsets, buffers, strict=True)), default=0)
    return size, tuple(offsets)


def _most_alive(buffers: Sequence[Lifetime]) -> tuple[int, int]:
    """The most bytes alive in one call, and the call."""
    alive = dict.fromkeys((buffer.first for buffer in buffers), 0)
    for call in alive:
        alive[call] = sum(b.aligned for b in buffers if b.first <= call <= b.last)
    peak = max(alive, key=lambda call: alive[call], default=0)
    return alive.get(peak, 0), peak


def _pressure(buffers: Sequence[Lifetime], buffer: Lifetime) -> int:
    """The most bytes alive in a call in which ``buffer`` is."""
    starts = {buffer.first, *(b.first for b in buffers if buffer.first < b.first <= buffer.last)}
    return max(sum(b.aligned for b in buffers if b.first <= t <= b.last) for t in starts)
