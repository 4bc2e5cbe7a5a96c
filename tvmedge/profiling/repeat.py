"""How often to run: until the median is known well enough, or long enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tvmedge.profiling.statistics import median_interval, percentile

_FIRST = 10
_WARM_UP = 3


@dataclass(frozen=True)
class Repetition:
    """``runs`` fixes how many; None: until the median's 95 % interval is within ``precision`` of
    it either way, for at most ``seconds`` or ``most`` runs."""

    runs: int | None = None
    precision: float = 0.02
    seconds: float = 10.0
    most: int = 10_000


@dataclass(frozen=True)
class Samples:
    """Milliseconds of every run; ``settled`` where the median is as sure as was asked."""

    milliseconds: tuple[float, ...]
    settled: bool


def sample(run: Callable[[int], tuple[float, ...]], how: Repetition) -> Samples:
    """Call ``run(count)``, which times so many runs after one that is not counted, as often as it
    takes. With no fixed number a few runs before warm caches and clocks.

    Raises:
        Whatever ``run`` does.
    """
    if how.runs is not None:
        found = run(how.runs)
        return Samples(found, _settled(found, how.precision))
    started = time.monotonic()
    run(_WARM_UP)
    found = run(_FIRST)
    while not _settled(found, how.precision):
        left = how.seconds - (time.monotonic() - started)
        count = min(len(found), how.most - len(found), int(left * 1e3 / percentile(found, 50)))
        if left <= 0 or count < 1:
            return Samples(found, False)
        found += run(count)
    return Samples(found, True)


def _settled(samples: tuple[float, ...], precision: float) -> bool:
    interval, median = median_interval(samples), percentile(samples, 50)
    return max(interval.high - median, median - interval.low) <= precision * median
