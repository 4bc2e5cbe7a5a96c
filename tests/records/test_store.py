"""The record store, in a file as in PostgreSQL."""

from __future__ import annotations

import os

import pytest

from tests.records.examples import key, record
from tvmedge.errors import InputError
from tvmedge.records.store import Wanted, open_store
from tvmedge.records.types import Status


def test_what_was_put_is_found_by_another_process_of_the_same_store(place: str) -> None:
    with open_store(place, create=True) as store:
        store.put(record(1, 2.5), record(2, None, reason="did not end"))
    with open_store(place) as store:
        assert store.find() == [record(1, 2.5), record(2, None, reason="did not end")]
        assert store.count() == 2


def test_what_is_wanted_is_found(place: str) -> None:
    pi = record(1, key=key(target="raspberry-pi-4b"))
    counted = record(1, key=key(cost="instructions"))
    pool = record(1, kernel="pool", key=key("pool"))
    wrong = record(2, None, status=Status.WRONG)
    with open_store(place, create=True) as store:
        store.put(pi, counted, pool, wrong)
        assert store.find(Wanted(target="raspberry-pi-4b")) == [pi]
        assert store.find(Wanted(target="raspberry-pi")) == []
        assert store.find(Wanted(key_target=pi.key.target)) == [pi]
        assert store.find(Wanted(cost="instructions")) == [counted]
        assert store.find(Wanted(workload=pool.key.workload)) == [pool]
        assert store.find(Wanted(status=Status.WRONG)) == [wrong]
        assert store.find(Wanted(target="host", status=Status.MEASURED)) == [counted, pool]


def test_the_newest_measurement_of_a_candidate_counts(place: str) -> None:
    with open_store(place, create=True) as store:
        store.put(record(1, 2.0))
        store.put(record(1, 3.0), record(1, 4.0))
        assert store.find() == [record(1, 4.0)]


def test_merging_keeps_the_better(place: str) -> None:
    with open_store(place, create=True) as store:
        store.put(record(1, 2.0), record(2, 2.0), record(3, None), record(4, 1.0))
        wrong = record(4, None, status=Status.WRONG)
        assert store.merge([record(1, 1.0), record(2, 3.0), record(3, 5.0), wrong]) == 3
        assert store.merge([record(4, 0.1)]) == 0
        assert store.find() == [record(1, 1.0), record(2, 2.0), record(3, 5.0), wrong]


def test_many_are_merged_in_batches(place: str) -> None:
    with open_store(place, create=True) as store:
        assert store.merge(record(n, 1.0 + n) for n in range(1234)) == 1234
        assert store.merge(record(n, 0.5 + n) for n in range(1234)) == 1234
        assert [r.cost for r in store.find()] == [0.5 + n for n in range(1234)]
        store.remove(store.find()[1:])
        assert store.find() == [record(0, 0.5)]


def test_a_kernel_of_hundreds_of_operators_can_be_read_again(place: str) -> None:
    """An LSTM written out in elementwise operators is fused to one, named after all of them."""
    with open_store(place, create=True) as store:
        store.put(record(1, kernel="fused" + 1000 * "_add"))
        (found,) = store.find()
        assert store.merge([found]) == 0
    assert found.key == record(1).key
    assert found.kernel.startswith("fused_add_add")


def test_a_fork_opens_connections_of_its_own(place: str) -> None:
    with open_store(place, create=True) as store:
        store.put(record(1))
        child = os.fork()
        if child == 0:
            try:
                store.put(record(2))
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        store.put(record(3))
        assert store.count() == 3


def test_a_store_is_made_only_where_asked(place: str) -> None:
    with pytest.raises(InputError):
        open_store(place)
    open_store(place, create=True)
    assert open_store(place).find() == []
