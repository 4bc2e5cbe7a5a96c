"""The offset planner: nothing that is alive at once overlaps, and little is wasted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tvmedge.compiler.library.plan import ALIGNMENT, Lifetime, plan

LIFETIMES = st.lists(
    st.builds(
        lambda nbytes, first, length: Lifetime(nbytes, first, first + length),
        st.integers(0, 10_000),
        st.integers(0, 20),
        st.integers(0, 6),
    ),
    max_size=24,
)


@given(LIFETIMES)
def test_what_is_alive_at_once_lies_apart(buffers: list[Lifetime]) -> None:
    made = plan(buffers)
    for i, (a, at) in enumerate(zip(buffers, made.offsets, strict=True)):
        assert at % ALIGNMENT == 0
        assert at + a.nbytes <= made.nbytes
        for b, other in list(zip(buffers, made.offsets, strict=True))[:i]:
            apart = at + a.nbytes <= other or other + b.nbytes <= at
            assert apart or a.last < b.first or b.last < a.first


@given(LIFETIMES)
def test_the_bound_is_the_most_alive_at_once(buffers: list[Lifetime]) -> None:
    made = plan(buffers)
    alive = [sum(b.aligned for b in buffers if b.first <= t <= b.last) for t in range(30)]
    assert made.lower_bound == max(alive)
    assert made.lower_bound <= made.nbytes <= sum(b.aligned for b in buffers)
    assert alive[made.peak_call] == made.lower_bound


def test_a_chain_reaches_the_bound() -> None:
    chain = [Lifetime(ALIGNMENT * (1 + i % 5), i, i + 1) for i in range(40)]
    made = plan(chain)
    assert made.nbytes == made.lower_bound == ALIGNMENT * 9


def test_no_single_order_is_enough() -> None:
    """The largest first leaves a hole here that the earliest first does not."""
    buffers = [
        Lifetime(10 * ALIGNMENT, 0, 1),
        Lifetime(5 * ALIGNMENT, 1, 3),
        Lifetime(5 * ALIGNMENT, 0, 0),
        Lifetime(10 * ALIGNMENT, 2, 4),
        Lifetime(5 * ALIGNMENT, 4, 5),
    ]
    assert plan(buffers).nbytes == plan(buffers).lower_bound == 15 * ALIGNMENT


def test_a_walk_finds_what_no_order_does() -> None:
    """The best of the orders themselves takes 1920 bytes."""
    rows = [(384, 3, 4), (512, 5, 7), (320, 2, 5), (192, 4, 7), (192, 2, 4), (256, 0, 1)]
    rows += [(192, 2, 3), (256, 4, 7), (192, 4, 6), (512, 0, 2)]
    made = plan([Lifetime(*row) for row in rows])
    assert made.nbytes == made.lower_bound == 1792
    assert plan([Lifetime(*row) for row in rows]) == made


def test_the_same_buffers_get_the_same_plan() -> None:
    buffers = [Lifetime(97 * i % 4000, i % 7, i % 7 + i % 3) for i in range(60)]
    assert plan(buffers) == plan(list(buffers))
