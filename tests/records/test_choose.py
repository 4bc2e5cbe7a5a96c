"""Which record is applied, and why others are not."""

from __future__ import annotations

import dataclasses

import pytest

from tests.records.examples import digest, key, record
from tvmedge.records.best import best
from tvmedge.records.choose import choose
from tvmedge.records.types import Status

KEY = dataclasses.replace(key(), cost="")


def test_the_cheapest_that_was_measured_wins() -> None:
    stored = [record(1, 2.0), record(2, 1.0), record(3, None), record(4, 3.0)]
    assert choose(stored, KEY).record == record(2, 1.0)


def test_nothing_stored_is_nothing_refused() -> None:
    verdict = choose([], KEY)
    assert (verdict.record, verdict.refused) == (None, "")


def test_a_clock_counts_before_a_model_and_that_before_a_count() -> None:
    modelled = record(1, 0.1, key=key(cost="cycles cortex-a72 by llvm-mca cortex-a57"))
    counted = record(2, 0.2, key=key(cost="instructions cortex-a72"))
    timed = record(3, 9.0)
    assert choose([modelled, counted], KEY).record == modelled
    assert choose([modelled, counted, timed], KEY).record == timed


def test_what_one_source_saw_to_be_wrong_is_not_taken_from_another() -> None:
    wrong = record(1, None, status=Status.WRONG, key=key(cost="instructions cortex-a72"))
    assert choose([record(1, 1.0), wrong, record(2, 2.0)], KEY).record == record(2, 2.0)
    verdict = choose([record(1, 1.0), wrong], KEY)
    assert verdict.refused == "none of its candidates was measured and right"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"target": f"raspberry-pi-5:{digest('host')}"}, "recorded for raspberry-pi-5"),
        ({"target": f"host:{digest('another')}"}, "recorded for a host of other facts"),
        ({"pipeline": "0"}, "recorded under pipeline 0, this is 1"),
        ({"toolchain": "tvm 0"}, "recorded with tvm 0, here are tvm 1, llvm 2, zig 3"),
    ],
)
def test_a_record_of_another_key_is_refused(change: dict[str, str], why: str) -> None:
    other = record(1, key=dataclasses.replace(key(), **change))
    assert choose([other], KEY).refused == why
    assert choose([other, record(2, 5.0)], KEY).record == record(2, 5.0)


def test_what_other_facts_are_is_said_where_it_is_known() -> None:
    other = record(1, key=key(target="host"))
    here = dataclasses.replace(KEY, target=f"host:{digest('here')}")
    known = {other.key.target: "a host of 9 cores"}
    assert choose([other], here, known.__getitem__).refused == "recorded for a host of 9 cores"


def test_the_nearest_of_several_says_why() -> None:
    pi = record(1, key=key(target="raspberry-pi-5"))
    old = record(1, key=key(toolchain="tvm 0"))
    assert choose([pi, old], KEY).refused.startswith("recorded with tvm 0")


@pytest.mark.parametrize(
    ("source", "cost", "chosen"),
    [
        ("wall-time local", 0.995, 0),
        ("device-time local", 0.995, 0),
        ("wall-time local", 0.98, 3),
        ("instructions", 0.995, 3),
    ],
)
def test_what_is_hardly_faster_is_not_worth_another_schedule(
    source: str, cost: float, chosen: int
) -> None:
    """What a clock tells apart by less than a hundredth is one; what is counted is exact."""
    wanted = key(cost=source)
    untuned, other = (
        record(columns, value, key=wanted, trial=trial)
        for columns, value, trial in ((7, 1.0, 0), (6, cost, 3))
    )
    found = choose([other, untuned], wanted).record
    assert found is not None
    assert found.trial == chosen
    assert best([other, untuned]) == [found]
