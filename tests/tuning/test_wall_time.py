"""What a candidate costs where the clock changes while one searches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tuning.kernels import CHANNELS, written
from tvmedge.device.build_timer import build_timer
from tvmedge.targeting import target
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate
from tvmedge.tuning.costs.source import CandidateError
from tvmedge.tuning.costs.wall_time import WallTime, _mean, _Memory, _timer
from tvmedge.tuning.loaded import loaded
from tvmedge.tuning.workers import Worker

Made = Callable[[str], BuiltCandidate]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return lambda source: written(source, target("host"), tmp_path)


_LOOP = 7.0  # seconds


class _Clock(Worker):
    """Samples as a core would give them that is so much slower."""

    def __init__(self, seconds: dict[bytes, float]) -> None:
        super().__init__()
        self._costs = seconds
        self.slower = 1.0
        self.disturbed = 0
        """Calls in which somebody has the core whenever it is the gauge's turn."""

    def call(self, work: Any, *args: Any, seconds: float) -> Any:
        *_, code, beside = args
        self.disturbed -= 1
        late = 2.5 if self.disturbed >= 0 else 1.0
        return tuple(
            [cost * self.slower * noise for noise in (1.5, 1.0, 1.1, 1.0)]
            for cost in (
                self._costs[code.library],
                late * (self._costs[beside.library] if beside else _LOOP),
            )
        )


def test_a_slower_clock_is_none_of_a_candidates_doing(made: Made) -> None:
    first, better = made("x[0] = 1;"), made("x[1] = 1;")
    clock = _Clock({first.library(): 3.0, better.library(): 2.0})
    with WallTime() as source:
        assert source.cost(first, clock).value == 3.0
        clock.slower = 1.7
        assert source.cost(better, clock).value == pytest.approx(2.0)
        assert source.cost(better, clock).spread > 0
        assert source.cost(first, clock).value == pytest.approx(3.0)


@pytest.mark.parametrize("times", [1, 3])
def test_who_disturbs_the_gauge_makes_no_candidate_fast(times: int, made: Made) -> None:
    first, other = made("x[0] = 1;"), made("x[1] = 1;")
    clock = _Clock({first.library(): 3.0, other.library(): 2.9})
    with WallTime() as source:
        assert source.cost(first, clock).value == 3.0
        clock.disturbed = times
        assert source.cost(other, clock).value == pytest.approx(2.9)


def test_kernels_are_compared_at_one_clock(made: Made) -> None:
    one = made("x[0] = 1;")
    other = dataclasses.replace(made("x[1] = 1;"), arguments=(*one.arguments, *one.arguments))
    clock = _Clock({one.library(): 3.0, other.library(): 2.0})
    with WallTime() as source:
        assert source.cost(one, clock).value == 3.0
        clock.slower = 1.12
        assert source.cost(other, clock).value == pytest.approx(2.0)
        clock.slower = 0.9
        assert source.cost(other, clock).value == pytest.approx(2.0)


@pytest.mark.parametrize("between", [0, 1_000_000])
def test_calls_are_as_many_as_asked_for_whatever_is_between_them(between: int, made: Made) -> None:
    timer = str(build_timer())
    x = np.zeros(CHANNELS, np.float32)
    memory = np.ones(between, np.uint8)
    others, left = _Memory.of(memory), _Memory.of(memory[: between // 7])
    with loaded(made("x[3] += 1;").library()) as library:
        run = _timer(timer)
        assert 0 <= _mean(run, library[SYMBOL], [x.view(np.uint8)], 5, (others, left)) < 60
    assert x.tolist() == [5.0 if place == 3 else 0.0 for place in range(CHANNELS)]


def test_it_times_what_it_runs_and_goes_on_after_a_crash(made: Made) -> None:
    loop = "for (int i = 0; i < {}; i++) x[0] += 1;"
    quick, slow = made(loop.format(1000)), made(loop.format(100_000))
    with WallTime() as source:
        with pytest.raises(CandidateError, match="crashed"):  # what is broken is no gauge
            source.measure(made("*(volatile int *)0 = 1;"))
        assert 0 < source.measure(quick).value < source.measure(slow).value < 1


def test_nothing_is_left_of_a_source_that_ended(made: Made) -> None:
    with WallTime() as source:
        source.measure(made("x[0] = 1;"))
        process = source._worker._process
        assert process is not None
    assert process.poll() is not None
